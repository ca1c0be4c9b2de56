import type { Command } from 'commander';
import type { LinkContext } from '../../lib/replicate/context.ts';
import type { DeadLetter, DeadLetterLook } from '../../lib/status/dead-letters.ts';
import { lookAtDeadLetters } from '../../lib/status/dead-letters.ts';
import { ago } from '../../lib/status/span.ts';
import { CliError, EXIT } from '../errors.ts';
import { showKey } from '../keys.ts';
import type { Output } from '../output.ts';
import { count, printable } from '../output.ts';
import type { Run } from '../program.ts';
import type { Session } from '../session.ts';
import { linksOf, located, memberOf } from '../session.ts';
import { redrive } from './redrive.ts';

/** Dead letters that one look shows of a link: by default, and at most. */
const SHOWN = 100;
const SHOWN_MAX = 1_000;
/** Characters of an id that `show` needs at least. */
const ID_MIN = 4;
/** Characters of an id that the list shows. */
const ID_SHOWN = 8;
/** Keys of one dead letter that the list names. */
const KEYS_SHOWN = 2;

interface LinkOption {
  readonly link?: string;
}

/** syncline dlq list | show | redrive */
export function registerDlq(program: Command, run: Run): void {
  const dlq = program
    .command('dlq')
    .summary('dead letters: look at them, send them again')
    .description('Dead letters: changes that a target refused. Their images are never replayed; each minute they become resyncs of their keys.');
  const link = ['--link <source:target>', 'only this link'] as const;

  dlq
    .command('list')
    .summary('list them, with their reasons and keys')
    .description(
      'Lists dead letters without taking them away; while it looks, for a moment nobody else sees them. Of each lane only the first letters can be seen: the others wait behind them. Ends with 3 when there are any.',
    )
    .option(...link)
    .option('--limit <number>', `letters of a link to look at, at most ${SHOWN_MAX}`, limit, SHOWN)
    .addHelpText(
      'after',
      `
Examples:
  syncline dlq list
  syncline dlq list --link eu-central-1:us-east-1 --json | jq '.letters[].reason'`,
    )
    .action((own: LinkOption & { limit: number }, command: Command) =>
      run(command, async (session) => {
        const looks = await look(session, linksOf(session.config, own.link), own.limit);
        const letters = looks.flatMap((l) => l.letters);
        const links = looks.map(({ link: name, depth, letters: seen }) => ({
          link: name,
          count: depth.visible + depth.inFlight + depth.delayed,
          inFlight: depth.inFlight,
          shown: seen.length,
        }));
        const total = links.reduce((sum, l) => sum + Math.max(l.count, l.shown), 0);
        const [first] = letters;
        const next =
          total === 0
            ? []
            : [
                ...(first === undefined ? [] : [{ command: session.again(`dlq show ${first.id.slice(0, ID_SHOWN)}`), why: 'It shows one of them, decoded.' }]),
                { command: session.again('dlq redrive'), why: 'It turns them into resyncs now, without waiting for the minute’s run.' },
              ];
        const document = { set: session.config.set, count: total, links, letters: letters.map(({ message: _, ...rest }) => rest) };
        session.out.result(document, () => showList(session, looks, total), next);
        return total > 0 ? EXIT.attention : EXIT.ok;
      }),
    );

  dlq
    .command('show')
    .summary('show one, decoded')
    .description('Shows one dead letter: its envelope, its reason, and the message in it, decoded.')
    .argument('<id>', `its id, or the first ${ID_MIN} or more characters of it`)
    .option(...link)
    .addHelpText(
      'after',
      `
Examples:
  syncline dlq show 3f2a91c0
  syncline dlq show 3f2a91c0 --json | jq .message`,
    )
    .action((id: string, own: LinkOption, command: Command) =>
      run(command, async (session) => {
        if (id.length < ID_MIN) throw new CliError('usage', 'bad-id', `An id needs at least ${ID_MIN} characters; got ${JSON.stringify(id)}.`);
        const wanted = (letter: DeadLetter): boolean => letter.id.startsWith(id);
        const looks = await look(session, linksOf(session.config, own.link), SHOWN_MAX, id.length >= 36 ? wanted : undefined);
        const found = looks.flatMap((l) => l.letters).filter(wanted);
        const [letter] = found;
        if (letter === undefined)
          throw new CliError(
            'failed',
            'no-such-letter',
            `No dead letter with the id ${JSON.stringify(id)} can be seen now: it may be gone, in work, or behind others of its lane. See "syncline dlq list".`,
          );
        if (found.length > 1)
          throw new CliError(
            'usage',
            'ambiguous-id',
            `${found.length} dead letters begin with ${JSON.stringify(id)}: ${found.map((l) => l.id).join(', ')}. Give more of it.`,
          );
        session.out.result(letter, () => showLetter(letter, session.out));
        return EXIT.ok;
      }),
    );

  dlq
    .command('redrive')
    .summary('turn them into resyncs now')
    .description(
      'Turns dead letters into resyncs of their keys, in their lanes, as the run of each minute does. What cannot be read is named and stays. Ends with 3 when something stays.',
    )
    .option(...link)
    .addHelpText(
      'after',
      `
Examples:
  syncline dlq redrive
  syncline dlq redrive --link eu-central-1:us-east-1`,
    )
    .action((own: LinkOption, command: Command) => run(command, (session) => redrive(session, own.link)));
}

function limit(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > SHOWN_MAX)
    throw new CliError('usage', 'bad-number', `--limit must be a whole number from 1 to ${SHOWN_MAX}; got ${JSON.stringify(text)}.`);
  return number;
}

const look = (session: Session, links: readonly LinkContext[], max: number, done?: (letter: DeadLetter) => boolean): Promise<DeadLetterLook[]> =>
  Promise.all(
    links.map((link) => {
      const member = memberOf(session, link.source);
      return located(session, member, () =>
        lookAtDeadLetters(session.ports(member).queue, link, session.runtime, { max, until: session.until, ...(done && { done }) }),
      );
    }),
  );

function showList(session: Session, looks: readonly DeadLetterLook[], total: number): string {
  const { out, config, runtime } = session;
  if (total === 0) return 'No dead letters.';
  const now = runtime.clock.now();
  const letters = looks.flatMap((l) => l.letters);
  const schema = { partition: config.key.partition, ...(config.key.sort && { sort: config.key.sort }) };
  const keys = (l: DeadLetter): string => {
    if (l.kind === 'unreadable') return '–';
    const shown = l.keys.slice(0, KEYS_SHOWN).map((k) => printable(showKey(k, schema)));
    return l.keys.length > KEYS_SHOWN ? `${shown.join(' ')} and ${l.keys.length - KEYS_SHOWN} more` : shown.join(' ');
  };
  const table = out.table(
    ['ID', 'LINK', 'LANE', 'AGE', 'KIND', 'KEYS', 'REASON'],
    letters.map((l) => [
      l.id.slice(0, ID_SHOWN),
      l.link.replace(':', ' → '),
      l.lane,
      ago(now, l.refusedAt ?? l.sentMs),
      l.kind === 'unreadable' ? out.style('red', l.kind) : l.kind,
      keys(l),
      printable(l.problem ?? l.reason ?? 'received too often'),
    ]),
  );
  const hidden = total - letters.length;
  const rest =
    hidden > 0
      ? `\n\n${count(letters.length)} of ${count(total)} are shown: the others are in work, wait behind these in their lanes, or are beyond --limit.`
      : '';
  return `${table}${rest}`;
}

function showLetter(l: DeadLetter, out: Output): string {
  const rows: [string, string][] = [
    ['id', l.id],
    ['link', l.link.replace(':', ' → ')],
    ['lane', l.lane],
    ['reason', l.reason ?? (l.kind === 'unreadable' ? 'none given' : 'received too often')],
    ['refused', l.refusedAt === undefined ? '–' : new Date(l.refusedAt).toISOString()],
    ['sent', new Date(l.sentMs).toISOString()],
    ['receives', String(l.receives)],
    ['kind', l.kind],
    ...(l.problem === undefined ? [] : [['problem', l.problem] as [string, string]]),
  ];
  const head = rows.map(([name, value]) => `${out.style('dim', name.padEnd(8))}  ${printable(value)}`).join('\n');
  return l.message === undefined ? head : `${head}\n\n${JSON.stringify(l.message, null, 2)}`;
}
