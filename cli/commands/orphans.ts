import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { Orphan } from '../../lib/core/formats/orphan-row.ts';
import { ORPHAN_CAUSES, ORPHAN_STATES } from '../../lib/core/formats/orphan-row.ts';
import type { AdoptIo } from '../adopt-io.ts';
import { adoptIo } from '../adopt-io.ts';
import { checkAt } from '../check-ports.ts';
import { EXIT } from '../errors.ts';
import { shellWord } from '../next-steps.ts';
import { decideByCommand, showByCommand } from '../orphans-decide.ts';
import type { OrphansOptions } from '../orphans-list.ts';
import { orphanDocument, orphansAt } from '../orphans-list.ts';
import type { Run } from '../program.ts';
import type { Session } from '../session.ts';
import { orphansText } from '../views/orphans-view.ts';

const LIMIT = 100;
const LIMIT_MAX = 100_000;

/** syncline orphans list | show | reapply | discard */
export function registerOrphans(program: Command, run: Run, io: () => Pick<AdoptIo, 'confirm'> = adoptIo): void {
  const orphans = program
    .command('orphans')
    .summary('what was written by hand at a secondary: nothing of it is lost')
    .description(
      'Writes that lost their place: what somebody, or another tool, wrote to a secondary or deleted there. The primary’s item wins, and the member’s log keeps what it has replaced, until you decide.',
    );
  orphans
    .command('list')
    .summary('list them')
    .description('Lists orphans of all members, the open ones unless another state is named. Ends with 3 when there are open ones.')
    .option('--member <name>', 'only of this member')
    .addOption(new Option('--state <state>', 'only in this state').choices([...ORPHAN_STATES, 'all']).default('open'))
    .addOption(new Option('--cause <cause>', 'only of this cause').choices(ORPHAN_CAUSES))
    .option('--key <key>', 'only of this key')
    .addOption(new Option('--limit <number>', 'at most so many of each member').default(LIMIT).argParser(limit))
    .addHelpText('after', "\nExamples:\n  syncline orphans list\n  syncline orphans list --member us-east-1 --json | jq '.orphans[] | {id, key, cause}'")
    .action((own: OrphansOptions, command: Command) => run(command, (session) => list(session, own)));
  orphans
    .command('show')
    .summary('what was written, and what the primary holds now')
    .description('Shows an orphan: what was written, what was there before, and what the primary holds now.')
    .argument('<id>', 'as "list" has it; the first characters are enough')
    .option('--member <name>', 'whose it is (default: found by its id)')
    .addHelpText('after', '\nExamples:\n  syncline orphans show 1f0c5a11d1f1')
    .action((id: string, own: { member?: string }, command: Command) => run(command, (session) => showByCommand(session, id, own)));
  for (const what of ['reapply', 'discard'] as const) {
    orphans
      .command(what)
      .summary(what === 'reapply' ? 'write it at the primary' : 'leave it: the primary’s item stays')
      .description(
        what === 'reapply'
          ? 'Writes what was written by hand at the primary, from where it replicates as any other write; what was deleted by hand is deleted there. It is written only if the primary’s item still is what was shown: nothing newer is overwritten.'
          : 'Notes that an orphan is not wanted. The log keeps it for as long as it keeps everything.',
      )
      .argument('<id>', 'as "list" has it; the first characters are enough')
      .option('--member <name>', 'whose it is (default: found by its id)')
      .option('--note <text>', 'what to remember of the decision')
      .option('--yes', 'do it without asking')
      .addHelpText('after', `\nExamples:\n  syncline orphans ${what} 1f0c5a11d1f1 --note "ticket 42"`)
      .action((id: string, own: { member?: string; note?: string; yes?: true }, command: Command) =>
        run(command, (session) => decideByCommand(session, id, what, own, io()), { time: 'open' }),
      );
  }
}

function limit(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > LIMIT_MAX) throw new InvalidArgumentError(`It must be a whole number from 1 to ${LIMIT_MAX}.`);
  return value;
}

async function list(session: Session, own: OrphansOptions): Promise<number> {
  const { out, runtime, config } = session;
  const at = await checkAt(session);
  const { found, unread } = await orphansAt(session, at, own);
  const { key } = at.ports.own.member;
  const all = found
    .flatMap(({ member, orphans }) => orphans.map((orphan): { member: string; orphan: Orphan } => ({ member, orphan })))
    .sort((a, b) => a.orphan.at - b.orphan.at || (a.orphan.id < b.orphan.id ? -1 : 1));
  const more = found.filter((one) => one.more).map(({ member }) => member);
  const document = {
    set: config.set,
    primary: at.primary.name,
    orphans: all.map(({ member, orphan }) => orphanDocument(member, orphan)),
    ...(more.length > 0 && { more }),
    ...(unread.length > 0 && { unread }),
  };
  const [first] = all;
  const steps =
    first === undefined
      ? []
      : [
          {
            command: session.again(`orphans show ${shellWord(first.orphan.id)} --member ${first.member}`),
            why: 'It shows what was written, and what the primary holds now.',
          },
        ];
  out.result(document, () => orphansText(all, more, unread, key, runtime.clock.now(), out), steps);
  if (unread.length > 0 && all.length === 0) return EXIT.unreachable;
  return all.some(({ orphan }) => orphan.state === 'open') ? EXIT.attention : EXIT.ok;
}
