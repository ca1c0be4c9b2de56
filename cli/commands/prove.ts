import type { Command } from 'commander';
import { isoSeconds } from '../../lib/core/calendar.ts';
import type { ProvenLink, ProveProgress, ProveResult, ProveWatcher } from '../../lib/reconcile/prove/prove.ts';
import { proveLinks } from '../../lib/reconcile/prove/prove.ts';
import { readSelf } from '../../lib/replicate/self.ts';
import type { AdoptIo } from '../adopt-io.ts';
import { adoptIo } from '../adopt-io.ts';
import { agreed } from '../agreed.ts';
import { whenFree } from '../check-free.ts';
import { itemsPerSecond, repeated } from '../check-options.ts';
import type { CheckAt } from '../check-ports.ts';
import { checkAt } from '../check-ports.ts';
import type { ShownStep } from '../check-progress.ts';
import { CheckSteps } from '../check-progress.ts';
import { CliError, EXIT } from '../errors.ts';
import type { NextStep } from '../next-steps.ts';
import { count, plural, printable } from '../output.ts';
import type { Run } from '../program.ts';
import type { Session } from '../session.ts';
import { linkOption } from '../session.ts';
import { shown } from '../snapshot-run.ts';

interface ProveOwn {
  readonly link?: readonly string[];
  readonly all?: true;
  readonly allowDeletes?: true;
  readonly itemsPerS?: number;
  readonly yes?: true;
}

type Io = Pick<AdoptIo, 'confirm' | 'owner' | 'stream'>;

/** syncline prove */
export function registerProve(program: Command, run: Run, io: () => Io = adoptIo): void {
  program
    .command('prove')
    .summary('make a link equal, and note that it was')
    .description(
      'Proves links of the primary: what was written before is drained, both tables are read and compared, what differs is repaired, and compared again until nothing differs. Then the link is proven as of the drain. A link that is stale is opened again first: this is how it is refilled. It goes on where an earlier run was stopped. Ends with 3 when a link could not be proven.',
    )
    .option('--link <source:target>', 'a link to prove; may be repeated', repeated)
    .option('--all', 'all links of the primary')
    .option('--allow-deletes', 'let it delete any number of items that only a member has')
    .option('--items-per-s <number>', 'read at most so many items a second of each table', itemsPerSecond)
    .option('--yes', 'begin without asking')
    .addHelpText('after', '\nExamples:\n  syncline prove --all\n  syncline prove --link eu-central-1:us-east-1 --yes --json')
    .action((own: ProveOwn, command: Command) => run(command, (session) => prove(session, own, io()), { time: 'open' }));
}

async function prove(session: Session, own: ProveOwn, io: Io): Promise<number> {
  const { out, runtime } = session;
  if ((own.link === undefined) === (own.all === undefined)) throw new CliError('usage', 'bad-options', 'Say which links: --link SOURCE:TARGET, or --all.');
  const at = await checkAt(session);
  const targets = targetsOf(session, at, own);
  const { links } = await at.at(() => readSelf(at.ports.own.table, at.ports.own.member.tables.control));
  const stale = targets.filter((target) => links.get(target)?.state === 'stale');
  const words = [
    `This proves ${targets.map((target) => `${at.primary.name} → ${target}`).join(', ')}:`,
    ...stale.map((target) => `  opens    the link to ${target}, which is stale: ${links.get(target)?.why ?? 'nobody has said why'}`),
    '  reads    the tables of both sides, whole',
    '  repairs  what differs at the members, until nothing does; newer writes are never undone',
    '  stop     Ctrl-C at any time; the same command goes on where it was',
  ].join('\n');
  const facts = { set: session.config.set, primary: at.primary.name, targets, stale };
  if (!(await agreed(out, words, facts, own.yes, io.confirm))) {
    out.result({ ...facts, state: 'declined' }, () => 'Nothing was done.');
    return EXIT.ok;
  }
  const steps = new CheckSteps(() => runtime.clock.elapsed());
  const how = {
    owner: io.owner,
    drive: true,
    ...(own.allowDeletes === true && { allowDeletes: true }),
    ...(own.itemsPerS !== undefined && { itemsPerS: own.itemsPerS }),
  };
  const result = await shown(session, io, undefined, (step, stopped) => {
    const watcher: ProveWatcher = {
      progress: (now) => {
        const { done, words, of } = stepOf(now, steps);
        step(done, words, of);
      },
      stopped,
    };
    return whenFree(session, stopped, () => at.at(() => proveLinks(at.ports, runtime, targets, how, watcher)));
  });
  return told(session, at, result, facts);
}

function targetsOf(session: Session, { primary, ports }: CheckAt, { link }: ProveOwn): readonly string[] {
  if (link === undefined) return ports.own.member.links.map(({ target }) => target);
  return [...new Set(link)].map((text) => {
    const { source, target } = linkOption(session.config, text);
    if (source === primary.name) return target;
    throw new CliError('usage', 'not-primary', `--link: "${source}" is not the primary, so nothing is sent from there. The primary is "${primary.name}".`);
  });
}

function stepOf({ phase, pass, lanes, check }: ProveProgress, steps: CheckSteps): ShownStep {
  if (phase === 'drain') {
    const { passed = 0, of = 0 } = lanes ?? {};
    return { done: passed, of, words: `draining: ${passed} of ${plural(of, 'lane')} are through` };
  }
  if (check === undefined) return { done: 0, words: `pass ${pass}: comparing` };
  const now = steps.next(check);
  return { ...now, words: `pass ${pass}: ${now.words}` };
}

function told(session: Session, { primary }: CheckAt, result: ProveResult, facts: object): number {
  const { out } = session;
  const row = (link: ProvenLink): string[] => [
    `${primary.name} → ${link.target}`,
    ...[link.keys, link.repaired, link.divergent, link.unverified, link.refused].map(count),
    link.proven === undefined ? out.style('red', 'not proven') : out.style('green', isoSeconds(link.proven)),
  ];
  const step = followingStep(session, primary.name, result);
  const table = out.table(['LINK', 'KEYS', 'REPAIRED', 'DIVERGENT', 'UNVERIFIED', 'REFUSED', 'PROVEN AS OF'], result.links.map(row), [1, 2, 3, 4, 5]);
  const notes = result.links.flatMap(({ target, why, reopened }) => [
    ...(reopened ? [`· ${primary.name} → ${target} was stale, and was opened again.`] : []),
    ...(why === undefined ? [] : [out.wrap(`· ${primary.name} → ${target}: ${printable(why)}`)]),
  ]);
  const text = (): string => [table, ...notes, ...(step === undefined ? [] : ['', step.why, `  ${step.command}`])].join('\n');
  out.result({ ...facts, ...result }, text, step === undefined ? [] : [step]);
  return result.links.every(({ proven }) => proven !== undefined) ? EXIT.ok : EXIT.attention;
}

function followingStep(session: Session, primary: string, { links, ended, checks }: ProveResult): NextStep | undefined {
  const again = (some: readonly ProvenLink[], more = ''): string =>
    session.again(`prove ${some.map(({ target }) => `--link ${primary}:${target}`).join(' ')}${more}`);
  if (ended !== undefined) return { command: again(links), why: 'Not finished. The same command goes on where this one ended.' };
  const held = links.filter((link) => link.held > 0);
  if (held.length > 0) return { command: again(held, ' --allow-deletes'), why: 'Items that only a member has are deleted there only when you say so.' };
  const last = checks.at(-1);
  if (last === undefined || links.every(({ proven }) => proven !== undefined)) return undefined;
  return { command: session.again(`check --show ${last}`), why: 'It shows which keys are not equal, or not verified, and why.' };
}
