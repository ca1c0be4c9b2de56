import type { Command } from 'commander';
import type { MemberConfig } from '../../lib/core/config.ts';
import { keyText } from '../../lib/core/key.ts';
import { memberContext } from '../../lib/replicate/context.ts';
import { linkName } from '../../lib/status/dead-letters.ts';
import type { KeyComparison } from '../../lib/status/resync.ts';
import { awaitEqual, HAND_KEYS_MAX, refusedBefore, sendResync } from '../../lib/status/resync.ts';
import { checkDeployed } from '../deployed.ts';
import { CliError, EXIT, explain } from '../errors.ts';
import { readKey, showKey } from '../keys.ts';
import type { NextStep } from '../next-steps.ts';
import type { Output, Style } from '../output.ts';
import { printable } from '../output.ts';
import type { Run } from '../program.ts';
import type { Session } from '../session.ts';
import { findPrimary, located, memberOf, placeOf, primaryLinks } from '../session.ts';

interface ResyncOptions {
  readonly link?: string;
  readonly wait?: true;
}

/** syncline resync KEY… */
export function registerResync(program: Command, run: Run): void {
  program
    .command('resync')
    .summary('make keys at the secondaries equal to the primary')
    .description(
      'Sends a resync of the keys down their lanes, on every link of the primary or on one. Apply then reads the primary and makes the target equal: a key that the primary does not have is deleted there.',
    )
    .argument('<key...>', `at most ${HAND_KEYS_MAX} keys, each as attr=value,attr=value or in DynamoDB JSON`)
    .option('--link <source:target>', 'only this link')
    .option('--wait', 'wait until each key is equal at each target, or refused there; ends with 3 when one is not equal in time')
    .addHelpText(
      'after',
      `
Examples:
  syncline resync country=DE,cityId=2950159
  syncline resync '{"country":{"S":"DE"},"cityId":{"N":"2950159"}}' --link eu-central-1:us-east-1 --wait --timeout 30`,
    )
    .action((texts: string[], own: ResyncOptions, command: Command) => run(command, (session) => resync(session, texts, own)));
}

async function resync(session: Session, texts: readonly string[], own: ResyncOptions): Promise<number> {
  const { config, out, runtime, until } = session;
  if (texts.length > HAND_KEYS_MAX) throw new CliError('usage', 'too-many-keys', `At most ${HAND_KEYS_MAX} keys at a time; got ${texts.length}.`);
  const schema = memberContext(config, config.members[0] as MemberConfig).key;
  const keys = [...new Map(texts.map((text) => readKey(text, schema)).map((key) => [keyText(key, schema), key])).values()];
  const primary = await findPrimary(session);
  const links = primaryLinks(config, primary.member, own.link);
  await checkDeployed(session, primary.member);
  const source = session.ports(primary.member);

  const outcomes = await Promise.all(
    links.map(async (link) => {
      const target = memberOf(session, link.target);
      const before =
        own.wait === true ? await located(session, target, () => refusedBefore(session.ports(target).table, link, keys, runtime, until)) : undefined;
      const sent = await sendResync(source.queue, link, primary.seat.own, keys, runtime);
      const [failed] = sent.failed;
      if (failed !== undefined) {
        const { message, code, ending, details } = explain(failed.error, {
          set: config.set,
          where: placeOf(session, primary.member),
          local: session.where.local,
        });
        throw new CliError(
          ending,
          code,
          `${linkName(link)}: ${sent.failed.length} of ${sent.messages} messages were not surely stored. ${message} It is safe to send again.`,
          { ...details, lanes: sent.failed.map((f) => f.lane) },
        );
      }
      if (before === undefined) return { sent, keys: [] };
      return { sent, keys: await awaitEqual(source.table, session.ports(target).table, link, keys, before, runtime, until) };
    }),
  );

  const verdicts = outcomes.flatMap((o) => o.keys);
  const unequal = verdicts.filter((v) => v.state !== 'equal');
  const document = {
    set: config.set,
    primary: primary.member.name,
    epoch: primary.seat.own,
    keys: keys.length,
    links: outcomes.map((o) => ({ link: o.sent.link, messages: o.sent.messages })),
    ...(own.wait === true && { verdicts, equal: unequal.length === 0 }),
  };
  const text = (): string => {
    const sent = `Sent ${keys.length} ${keys.length === 1 ? 'key' : 'keys'} to ${outcomes.map((o) => o.sent.link.replace(':', ' → ')).join(', ')}.`;
    if (own.wait !== true) return sent;
    return `${sent}\n\n${out.table(
      ['LINK', 'KEY', 'STATE', 'REASON'],
      verdicts.map((v) => verdictRow(v, out, (k) => showKey(k, schema))),
    )}`;
  };
  out.result(document, text, nextOf(session, own.wait === true, unequal));
  return unequal.length > 0 ? EXIT.attention : EXIT.ok;
}

function nextOf(session: Session, waited: boolean, unequal: readonly KeyComparison[]): readonly NextStep[] {
  if (!waited) return [{ command: session.again('status'), why: 'It shows whether messages wait on the links.' }];
  if (unequal.some((v) => v.state === 'refused')) return [{ command: session.again('refused list'), why: 'A target cannot take a key as it is: it says why.' }];
  return unequal.length === 0 ? [] : [{ command: session.again('status'), why: 'Not all keys are equal in time: it shows what holds the link up.' }];
}

const VERDICT_STYLE: Record<KeyComparison['state'], Style> = { equal: 'green', different: 'yellow', refused: 'red', unread: 'yellow' };

const verdictRow = (v: KeyComparison, out: Output, show: (key: KeyComparison['key']) => string): string[] => [
  v.link.replace(':', ' → '),
  printable(show(v.key)),
  out.style(VERDICT_STYLE[v.state], v.state),
  printable(v.reason ?? ''),
];
