import type { Mutant } from '../mutant.ts';

/** Bugs in owning a lane, in what a batch answers, and in how its messages are put together. */
const APPLY = 'lib/replicate/apply/apply.ts';
const LANE_WORK = 'lib/replicate/apply/lane-work.ts';
const OPS = 'lib/replicate/apply/ops.ts';
const REFUSE = 'lib/replicate/apply/refuse.ts';

export const LANE: readonly Mutant[] = [
  {
    name: 'no-lane-ownership',
    breaks: 'rule 11',
    about: 'Apply does not ask whether its receipts still hold: an invocation that begins near the end of the visibility window writes beside the next owner.',
    edits: [
      { file: APPLY, find: 'await Promise.all([sandbox.source.link(), own(pass, lanes)])', replace: 'await Promise.all([sandbox.source.link(), undefined])' },
    ],
  },
  {
    name: 'refused-handle-ignored',
    breaks: 'rule 11',
    about: 'A refused receipt handle is only noted: the lane is worked on all the same.',
    edits: [
      {
        file: APPLY,
        find: "if (entry !== undefined) pass.fail(entry.lane, { cause: 'owner', why: `${f.code}: ${f.message}` });",
        replace: "if (entry !== undefined) pass.runtime.log.warn('A receipt was refused.', { lane: entry.lane.group });",
      },
    ],
  },
  {
    name: 'owned-for-five-seconds',
    breaks: 'rule 11',
    about: 'The lane is owned for 5 s, but worked on until the deadline of the invocation: the next owner begins before this one has ended.',
    edits: [{ file: APPLY, find: 'receipt: e.receipt, seconds: VISIBILITY_S }', replace: 'receipt: e.receipt, seconds: 5 }' }],
  },
  {
    name: 'later-failed-without-earlier',
    breaks: 'rule 18',
    about: 'Of a lane that failed the first unfinished message is not reported: the queue deletes it, and keeps those behind it.',
    edits: [
      {
        file: LANE_WORK,
        find: 'return lane.messages.slice(finished);',
        replace: 'return lane.messages.slice(lane.messages.length - finished > 1 ? finished + 1 : finished);',
      },
    ],
  },
  {
    name: 'late-lane-not-reported',
    breaks: 'rule 18',
    about: 'A lane for which there was no time left is not reported as failed: the queue deletes its messages.',
    edits: [
      {
        file: LANE_WORK,
        find: 'if (lane.failure === undefined) return [];',
        replace: "if (lane.failure === undefined || lane.failure.cause === 'late') return [];",
      },
    ],
  },
  {
    name: 'unowned-lane-not-reported',
    breaks: 'rule 18',
    about: 'A lane whose ownership could not be asked for is left out of the failures: its receipts are good, so the queue deletes its messages.',
    edits: [
      {
        file: LANE_WORK,
        find: 'if (lane.failure === undefined) return [];',
        replace: "if (lane.failure === undefined || lane.failure.cause === 'owner') return [];",
      },
    ],
  },
  {
    name: 'failed-unit-counted-done',
    breaks: 'I6',
    about: 'A unit during which its lane failed counts as finished: its messages are deleted half applied.',
    edits: [
      {
        file: APPLY,
        find: 'for (const lane of lanes) if (going(lane)) lane.done += 1;',
        replace: 'for (const lane of lanes) if (admitted.has(lane)) lane.done += 1;',
      },
    ],
  },
  {
    name: 'epochs-in-one-unit',
    breaks: 'rule 14',
    about: 'Neighbouring messages of two epochs are judged together, by the epoch of the first: the newer ones are dropped with the older.',
    edits: [
      { file: LANE_WORK, find: "else if (before?.kind === 'changes' && before.epoch === read.epoch) {", replace: "else if (before?.kind === 'changes') {" },
    ],
  },
  {
    name: 'coalesce-by-arrival',
    breaks: 'rule 15',
    about: 'Of several changes of a key in a unit the last one to arrive wins, not the newest: a redelivered prefix hides what came before it.',
    edits: [
      {
        file: OPS,
        find: 'if (before === undefined || comparePositions(before.position, op.position) < 0) newest.set(op.keyText, op);',
        replace: 'newest.set(op.keyText, op);',
      },
    ],
  },
  {
    name: 'coalesced-change-unguarded',
    breaks: 'rule 15',
    about: 'A change that was chosen among several of its key is applied without asking the guard.',
    edits: [
      {
        file: OPS,
        find: 'comparePositions(before.position, op.position) < 0) newest.set(op.keyText, op);',
        replace: 'comparePositions(before.position, op.position) < 0) newest.set(op.keyText, before === undefined ? op : Object.assign(op, { folded: true }));',
      },
      {
        file: 'lib/replicate/apply/changes.ts',
        find: "if (guard(op.position, keyState(state)) === 'apply' ||",
        replace: "if ((op as any).folded === true || guard(op.position, keyState(state)) === 'apply' ||",
      },
      {
        file: 'lib/replicate/apply/conditional.ts',
        find: "if (guard(op.position, keyState(state)) === 'superseded' &&",
        replace: "if ((op as any).folded !== true && guard(op.position, keyState(state)) === 'superseded' &&",
      },
    ],
  },
  {
    name: 'refusal-not-stored',
    breaks: 'rule 19',
    about: 'A refused change whose dead letter the queue did not take counts as refused: nothing of it is left anywhere.',
    edits: [
      {
        file: REFUSE,
        find: "if (first !== undefined) pass.fail(refusal.lane, { cause: 'queue', why: `${first.code}: ${first.message}` });",
        replace: 'if (first !== undefined) pass.counts.refused += 1;',
      },
    ],
  },
];
