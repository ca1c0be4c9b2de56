import type { Command } from 'commander';
import { Option } from 'commander';
import { factsOf, imagesOf } from '../../lib/archive/history/shown.ts';
import type { LoggedChange } from '../../lib/archive/log/changes.ts';
import { changes } from '../../lib/archive/log/changes.ts';
import type { Finding } from '../../lib/archive/log/finding.ts';
import type { AttributeValue, Item } from '../../lib/core/attribute.ts';
import { mapToPlain } from '../../lib/core/plain-json.ts';
import type { Form } from '../api/options.ts';
import { archiveMember, archiveOf } from '../archive-place.ts';
import { EXIT } from '../errors.ts';
import { LogChain } from '../log-chain.ts';
import type { Wanted } from '../log-filter.ts';
import { isWanted, readFilter, readOrigins } from '../log-filter.ts';
import { sureLog, sureText } from '../log-sure.ts';
import { plural, printable } from '../output.ts';
import type { Run } from '../program.ts';
import type { Session } from '../session.ts';
import { readStretch, TIME_HELP } from '../times.ts';

/** Lines are handed to stdout in pieces of about this many characters. */
const PIECE_CHARS = 64 * 1_024;
/** Gaps that are told one by one; the others are counted. */
const GAPS_SHOWN = 20;

interface LogOptions {
  readonly since: string;
  readonly until: string;
  readonly filter?: string;
  readonly origin?: string;
  readonly member?: string;
  readonly form: Form;
}

/** syncline log */
export function registerLog(program: Command, run: Run): void {
  program
    .command('log')
    .summary('all changes of a time, as JSON lines')
    .description(
      'Writes every change of a stretch of time from the archived log, one JSON document a line, in the order of each shard: the changes of one key are in order. It reads no faster than its lines are taken, and ends when nobody takes them. Ends with 3 when the log has a gap in this time: stderr says where.',
    )
    .requiredOption('--since <time>', `begin: ${TIME_HELP}`)
    .option('--until <time>', 'end, included', 'now')
    .option('--filter <json>', 'only where this condition holds for the item as it was left; of a removal, as it was before')
    .option('--origin <list>', 'only changes of these origins, separated by commas: local, applier, expiry')
    .option('--member <name>', 'whose log (default: the primary’s)')
    .addOption(new Option('--form <form>', 'JSON form of keys and items').choices(['plain', 'dynamodb']).default('plain'))
    .addHelpText(
      'after',
      `
Examples:
  syncline log --since -15m
  syncline log --since 2026-11-24T10:00:00Z --until 2026-11-24T11:00:00Z --origin local,expiry | gzip > changes.jsonl.gz
  syncline log --since -1d --filter '{"path":"country","op":"=","value":"DE"}' | jq -r 'select(.event == "REMOVE") | .time'`,
    )
    .action((own: LogOptions, command: Command) => run(command, (session) => log(session, own), { time: 'open' }));
}

async function log(session: Session, own: LogOptions): Promise<number> {
  const { out, runtime, outside } = session;
  const range = readStretch(own.since, own.until, runtime.clock.now());
  const wanted: Wanted = {
    ...(own.filter !== undefined && { filter: readFilter(own.filter, '--filter') }),
    ...(own.origin !== undefined && { origins: readOrigins(own.origin) }),
  };
  const archive = archiveOf(session, await archiveMember(session, own.member));
  const sure = await sureLog(session, archive);
  let gaps = 0;
  let whole = false;
  const gap = ({ what, todo }: Finding): void => {
    gaps += 1;
    if (gaps <= GAPS_SHOWN) out.note(`gap: ${printable(what)} ${printable(todo)}`);
  };
  let stopped = false;
  const release = outside.onStop(() => {
    stopped = true;
  });
  try {
    await archive.at(async () => {
      let lines: string[] = [];
      let length = 0;
      let segment = '';
      /** @returns whether somebody still takes lines. */
      const flush = async (): Promise<boolean> => {
        const text = lines.join('');
        [lines, length] = [[], 0];
        return text === '' || (await out.flow(text));
      };
      const chain = await LogChain.of(archive.place, runtime, range, sure, gap);
      for await (const change of changes(archive.place, runtime, { ...range, segments: chain.segments, reached: chain.reached })) {
        // What a segment gave is shown before the next one is looked through: it may be long until something matches.
        const full = length >= PIECE_CHARS || change.segment !== segment;
        segment = change.segment;
        if (stopped || (full && !(await flush()))) return;
        if (!isWanted(change, wanted)) continue;
        const line = changeLine(change, own.form);
        lines.push(line);
        length += line.length;
      }
      if (!(await flush())) return;
      await chain.end();
      whole = true;
    });
  } finally {
    release();
  }
  if (gaps > GAPS_SHOWN) out.note(`… and ${plural(gaps - GAPS_SHOWN, 'more gap')}. "syncline archive verify" lists them.`);
  const text = whole ? sureText(sure, archive.member.name, range.fromMs, range.toMs) : undefined;
  if (text !== undefined) out.note(text);
  return gaps > 0 ? EXIT.attention : EXIT.ok;
}

/** One change as a line, its line feed included. Part of the API. */
export function changeLine(change: LoggedChange, form: Form): string {
  const { before, after } = imagesOf(change);
  const show = (item: Item): Readonly<Record<string, AttributeValue | unknown>> => (form === 'plain' ? mapToPlain(item) : item);
  return `${JSON.stringify({
    ...factsOf(change),
    key: show(change.keys),
    ...(before && { before: show(before) }),
    ...(after && { after: show(after) }),
    shard: change.shard,
    segment: change.segment,
  })}\n`;
}
