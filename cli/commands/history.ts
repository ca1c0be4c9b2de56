import type { Command } from 'commander';
import { Option } from 'commander';
import { showBytes } from '../../lib/adopt/estimate.ts';
import { missingBetween } from '../../lib/archive/history/between.ts';
import { factsOf, imagesOf, shownDifference } from '../../lib/archive/history/shown.ts';
import type { LoggedChange } from '../../lib/archive/log/changes.ts';
import type { KeyHistory } from '../../lib/archive/log/history.ts';
import { history } from '../../lib/archive/log/history.ts';
import type { Key } from '../../lib/core/attribute.ts';
import type { MemberConfig } from '../../lib/core/config.ts';
import type { KeySchema } from '../../lib/core/key.ts';
import { keyText } from '../../lib/core/key.ts';
import { mapToPlain, toPlain } from '../../lib/core/plain-json.ts';
import { memberContext } from '../../lib/replicate/context.ts';
import { archiveMember, archiveOf } from '../archive-place.ts';
import { CliError, EXIT } from '../errors.ts';
import { readKey, showKey } from '../keys.ts';
import { sureDocument, sureLog, sureText } from '../log-sure.ts';
import type { NextStep } from '../next-steps.ts';
import type { Output } from '../output.ts';
import { plural, printable } from '../output.ts';
import type { Run } from '../program.ts';
import type { Session } from '../session.ts';
import { readStretch, TIME_HELP } from '../times.ts';
import { showChange } from '../views/history-view.ts';

/** Keys of one call; changes that are shown of each, by default and at most. */
const KEYS_MAX = 20;
const LIMIT = 20;
const LIMIT_MAX = 10_000;

interface HistoryOptions {
  readonly since?: string;
  readonly until: string;
  readonly limit: number;
  readonly member?: string;
}

/** syncline history KEY… */
export function registerHistory(program: Command, run: Run): void {
  program
    .command('history')
    .summary('what became of an item')
    .description(
      'Shows each change of a key from the archived log, the newest last: when it was made, by whom, and which attributes it added, removed or changed. It finds them by the indexes of the log, without reading all of it. Ends with 3 when the log has a gap in the time asked for.',
    )
    .argument('<key...>', `at most ${KEYS_MAX} keys, each as attr=value,attr=value or in DynamoDB JSON`)
    .option('--since <time>', `only changes of this time and later: ${TIME_HELP} (default: from the log’s begin)`)
    .option('--until <time>', 'only changes of this time and earlier', 'now')
    .addOption(new Option('--limit <number>', 'the newest so many changes of each key').default(LIMIT).argParser(limit))
    .option('--member <name>', 'whose log (default: the primary’s, which shows who wrote what; the others’ show copies)')
    .addHelpText(
      'after',
      `
Examples:
  syncline history country=DE,cityId=2950159
  syncline history country=DE,cityId=2950159 --since -1h
  syncline history country=DE,cityId=2950159 --json | jq -c '.keys[].changes[] | {time, origin, difference}'`,
    )
    .action((keys: string[], own: HistoryOptions, command: Command) => run(command, (session) => histories(session, keys, own)));
}

function limit(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > LIMIT_MAX)
    throw new CliError('usage', 'bad-number', `--limit must be a whole number from 1 to ${LIMIT_MAX}; got ${JSON.stringify(text)}.`);
  return number;
}

/** A key with what became of it. */
interface Found {
  readonly key: Key;
  readonly history: KeyHistory;
}

async function histories(session: Session, texts: readonly string[], own: HistoryOptions): Promise<number> {
  const { config, out, runtime, until } = session;
  if (texts.length > KEYS_MAX) throw new CliError('usage', 'too-many-keys', `At most ${KEYS_MAX} keys at a time; got ${texts.length}.`);
  const now = runtime.clock.now();
  const { fromMs, toMs } = readStretch(own.since ?? '1970-01-01T00:00:00Z', own.until, now);
  const schema = memberContext(config, config.members[0] as MemberConfig).key;
  const keys = [...new Map(texts.map((text) => readKey(text, schema)).map((key) => [keyText(key, schema), key])).values()];
  const archive = archiveOf(session, await archiveMember(session, own.member));
  const sure = await sureLog(session, archive);
  const found: Found[] = [];
  // One after the other: each has several requests under way by itself.
  for (const key of keys)
    found.push({ key, history: await archive.at(() => history(archive.place, runtime, key, { sinceMs: fromMs, untilMs: toMs, limit: own.limit, until })) });

  const read = { requests: sum(found, (f) => f.history.read.requests), bytes: sum(found, (f) => f.history.read.bytes) };
  const findings = found.flatMap(({ history: h }) => [...h.findings, ...missingBetween(h.changes)]);
  const document = {
    set: config.set,
    member: archive.member.name,
    log: sureDocument(sure),
    keys: found.map(({ key, history: h }) => ({ key: mapToPlain(key), changes: h.changes.map(changeDocument), more: h.more })),
    read,
    findings,
  };
  const text = (): string =>
    [
      ...found.map((f) => keyBlock(f, schema, keys.length > 1, out)),
      ...findings.map((f) => out.wrap(`${out.style('red', '!')} ${printable(f.what)} ${printable(f.todo)}`)),
    ].join('\n\n');
  out.result(document, text, nextOf(session, found, findings.length > 0));
  const covers = sureText(sure, archive.member.name, own.since === undefined ? undefined : fromMs, toMs);
  if (covers !== undefined) out.note(covers);
  if (!out.json) out.note(`From the log of ${archive.member.name}: ${plural(read.requests, 'request')}, ${showBytes(read.bytes)} read.`);
  return findings.length > 0 ? EXIT.attention : EXIT.ok;
}

const sum = <T>(list: readonly T[], of: (one: T) => number): number => list.reduce((total, one) => total + of(one), 0);

/** A change in the answer of --json: values in plain JSON, numbers with every digit. Part of the API. */
export function changeDocument(change: LoggedChange): object {
  const images = imagesOf(change);
  return {
    ...factsOf(change),
    difference: shownDifference(images, toPlain),
    ...(images.before && { before: mapToPlain(images.before) }),
    ...(images.after && { after: mapToPlain(images.after) }),
    shard: change.shard,
    segment: change.segment,
  };
}

function keyBlock({ key, history: { changes, more } }: Found, schema: KeySchema, named: boolean, out: Output): string {
  const name = out.style('bold', printable(showKey(key, schema)));
  if (changes.length === 0) return `${name}: no change is in the log in this time.`;
  const earlier = more ? [out.style('dim', '… there are older changes: --limit NUMBER, or --until TIME')] : [];
  return [...(named ? [name] : []), ...earlier, ...changes.map((change) => showChange(change, imagesOf(change), out))].join('\n');
}

function nextOf(session: Session, found: readonly Found[], holes: boolean): readonly NextStep[] {
  if (holes) return [{ command: session.again('archive verify'), why: 'The log has a gap: it says where, and what can be done.' }];
  if (found.every((f) => f.history.changes.length === 0)) return [{ command: session.again('archive status'), why: 'It says which times the log covers.' }];
  return [];
}
