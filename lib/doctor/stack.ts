import type { Finding, MemberDoctorFacts, Reader, StackFacts, StackResource } from './facts.ts';
import { unseen } from './facts.ts';

/** Checks of a member's stacks and of who reads its stream. Pure. */

/** Readers that a stream's shard takes. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html */
export const STREAM_READERS_MAX = 2;
/** Resources that one finding names. */
const NAMED_MAX = 5;

/** Whether others read the stream: our two readers are all that DynamoDB allows. */
export function checkReaders(m: MemberDoctorFacts): Finding[] {
  const at = { check: 'stream-readers', member: m.member };
  if (!m.readers.seen) return [unseen('stream-readers', m.member, 'The readers of the stream', m.readers.why)];
  if (m.readers.value === undefined) return [];
  const readers = m.readers.value;
  const ours = readers.filter((r) => m.ownReaders.includes(r.fn));
  const others = readers.filter((r) => !m.ownReaders.includes(r.fn));
  const hidden = 'Readers that are no Lambda functions (Kinesis Client Library, Global Tables) cannot be seen from here.';
  if (others.length > 0) {
    return [
      {
        ...at,
        level: 'fail',
        message: `${others.map((r) => r.fn).join(', ')} ${others.length === 1 ? 'reads' : 'read'} the stream, too. A stream takes ${STREAM_READERS_MAX} readers, and Syncline needs both: more are throttled. ${hidden}`,
        todo: 'Let it read elsewhere: DynamoDB’s Kinesis destination carries the same changes.',
      },
    ];
  }
  const off = ours.filter((r) => !isEnabled(r));
  if (off.length > 0) {
    return [
      {
        ...at,
        level: 'fail',
        message: off.map((r) => `The mapping ${r.id} of ${r.fn} is ${r.state}${r.lastResult === undefined ? '' : `: ${r.lastResult}`}.`).join(' '),
        todo: 'Enable it: aws lambda update-event-source-mapping --enabled. Records wait at most 24 hours.',
      },
    ];
  }
  const seen =
    ours.length === 0 ? 'Nobody reads the stream yet.' : `Only ${ours.map((r) => r.fn).join(' and ')} ${ours.length === 1 ? 'reads' : 'read'} the stream.`;
  return [{ ...at, level: 'ok', message: `${seen} ${hidden}` }];
}

const isEnabled = (r: Reader): boolean => ['Enabled', 'Enabling', 'Creating', 'Updating'].includes(r.state);

/** Whether the stacks are there, and whole. */
export function checkStacks(m: MemberDoctorFacts): Finding[] {
  return m.stacks.flatMap(({ name, facts }) => {
    const at = { check: 'stack', member: m.member };
    if (!facts.seen) return [unseen('stack', m.member, `The stack ${name}`, facts.why)];
    const stack = facts.value;
    if (stack === undefined) return [{ ...at, level: 'ok' as const, message: `The stack ${name} is not deployed yet.` }];
    return [stackState(m.member, stack), ...checkPretended(m.member, stack)];
  });
}

function stackState(member: string, stack: StackFacts): Finding {
  const at = { check: 'stack', member };
  if (/^(CREATE|UPDATE|IMPORT)_COMPLETE$/.test(stack.status)) return { ...at, level: 'ok', message: `The stack ${stack.name} is ${stack.status}.` };
  if (stack.status === 'UPDATE_ROLLBACK_COMPLETE')
    return {
      ...at,
      level: 'warn',
      message: `The last deployment of ${stack.name} failed and was taken back.`,
      todo: 'Read the stack’s events, then deploy again.',
    };
  if (stack.status.endsWith('_IN_PROGRESS'))
    return { ...at, level: 'warn', message: `The stack ${stack.name} is ${stack.status}.`, todo: 'Wait until it is done.' };
  return {
    ...at,
    level: 'fail',
    message: `The stack ${stack.name} is ${stack.status}: it cannot be updated so.`,
    todo: 'Read the stack’s events; a stack in ROLLBACK_COMPLETE must be deleted first.',
  };
}

/**
 * The resources that a cloud only pretended to create: some local clouds report CREATE_COMPLETE for types that they do
 * not have, with the physical id "unknown", or for resources that their service does not know afterwards.
 */
export function pretended(resources: readonly StackResource[]): readonly StackResource[] {
  return resources.filter((r) => {
    if (r.status.startsWith('DELETE')) return false;
    const id = r.physicalId?.trim().toLowerCase() ?? '';
    return id === '' || id === 'unknown' || r.answer === 'missing';
  });
}

/** Names what was only pretended. */
export function checkPretended(member: string, stack: StackFacts): Finding[] {
  const found = pretended(stack.resources);
  const at = { check: 'pretended', member };
  if (found.length === 0) {
    const asked = stack.resources.filter((r) => r.answer === 'there').length;
    return [{ ...at, level: 'ok', message: `All ${stack.resources.length} resources of ${stack.name} have names; ${asked} were looked up and are there.` }];
  }
  const named = found.slice(0, NAMED_MAX).map((r) => `${r.logicalId} (${r.type}${r.answer === 'missing' ? ', not found' : ', no id'})`);
  const more = found.length > NAMED_MAX ? ` and ${found.length - NAMED_MAX} more` : '';
  return [
    {
      ...at,
      level: 'fail',
      message: `The cloud reported ${found.length} ${found.length === 1 ? 'resource' : 'resources'} of ${stack.name} as made that ${found.length === 1 ? 'is' : 'are'} not there: ${named.join(', ')}${more}.`,
      todo: 'On a local cloud: see docs/local.md for what it lacks. On AWS: somebody deleted it by hand; deploy again.',
    },
  ];
}
