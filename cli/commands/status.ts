import type { Command } from 'commander';
import { Option } from 'commander';
import { RemoteError } from '../../lib/ports/errors.ts';
import type { SetFacts } from '../../lib/status/gather.ts';
import { gatherSet } from '../../lib/status/gather.ts';
import { judgeSet } from '../../lib/status/judge.ts';
import { CliError, explain } from '../errors.ts';
import { statusSteps } from '../next-steps.ts';
import type { Run } from '../program.ts';
import type { Session } from '../session.ts';
import { placeOf } from '../session.ts';
import { showStatus } from '../views/status-view.ts';
import { codeOf, watch } from './watch.ts';

/** Time between two readings of --watch (s): by default, at least, and at most. */
const INTERVAL_S = 2;
const INTERVAL_MIN_S = 0.5;
const INTERVAL_MAX_S = 3_600;

interface StatusOptions {
  readonly all?: true;
  readonly watch?: true;
  readonly interval: number;
}

/** syncline status */
export function registerStatus(program: Command, run: Run): void {
  program
    .command('status')
    .summary('members, links, lag, dead letters, refused keys')
    .description(
      'Shows who is primary, how each link is, and what needs a person. A link without writes is idle, one without markers stalled. The breaker of a link is open while its target does not answer. With --watch it goes on until q or Ctrl-C, and ends with the code of the last state.',
    )
    .option('--all', 'show the links of secondaries, too: nothing is sent on them')
    .option('--watch', 'go on, redrawn in place; without a terminal one reading after the other, with --json one document a line')
    .addOption(new Option('--interval <seconds>', 'between two readings').default(INTERVAL_S).argParser(interval))
    .addHelpText(
      'after',
      `
Examples:
  syncline status
  syncline status --watch --interval 5
  syncline status --json | jq '.links[] | {target, state, lagMs}'
  syncline status --watch --json | jq -c '{at, healthy, rates}'
  syncline status --set orders --regions eu-west-1,us-east-2 --aws`,
    )
    .action((own: StatusOptions, command: Command) =>
      own.watch === true
        ? run(command, (session) => watch(session, async (until) => judgeNow(session, await gather(session, until)), own.interval, own.all === true), {
            time: 'open',
          })
        : run(command, (session) => once(session, own.all === true)),
    );
}

function interval(text: string): number {
  const number = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || number < INTERVAL_MIN_S || number > INTERVAL_MAX_S)
    throw new CliError(
      'usage',
      'bad-number',
      `--interval must be a number of seconds from ${INTERVAL_MIN_S} to ${INTERVAL_MAX_S}; got ${JSON.stringify(text)}.`,
    );
  return number;
}

const gather = (session: Session, until: number): Promise<SetFacts> => gatherSet(session.config, (member) => session.ports(member), session.runtime, until);
const judgeNow = (session: Session, facts: SetFacts) => judgeSet(facts, session.runtime.clock.now());

async function once(session: Session, all: boolean): Promise<number> {
  const { out, again, where } = session;
  const facts = await gather(session, session.until);
  if (facts.members.every((m) => !m.reached)) throw unreached(session, facts);
  const status = judgeNow(session, facts);
  out.result(status, () => showStatus(status, out, all), statusSteps(status, again, where.local));
  return codeOf(status);
}

/** No member answered: then there is no status, and the first one's reason is the error. */
function unreached(session: Session, facts: SetFacts): Error {
  const [member] = session.config.members;
  const [first] = facts.members[0]?.unread ?? [];
  if (member === undefined || first === undefined || first.kind === 'unreadable')
    return new CliError('failed', 'unreadable', first?.message ?? 'No member could be read.');
  return explain(new RemoteError(first.kind, first.code, first.message), {
    set: session.config.set,
    where: placeOf(session, member),
    local: session.where.local,
  });
}
