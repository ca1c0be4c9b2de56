import Table from 'cli-table3';
import { FAULTS } from './faults/all.ts';
import type { Knobs } from './knobs.ts';
import type { Outcome } from './outcome.ts';
import type { Failed } from './pool-protocol.ts';
import type { Broken } from './shrink.ts';
import { type Paint, renderStory, tellStory } from './story.ts';
import type { TraceEvent, TraceHeader } from './trace.ts';

/** What the simulator's commands print. Pure. */

const HOUR_MS = 3_600_000;
/** Failing seeds that are listed, a line each. */
const LISTED_MAX = 20;
/** Lines of a stack that are shown. */
const STACK_LINES = 14;

/** Sums over runs. */
export class Totals {
  seeds = 0;
  failed = 0;
  virtualMs = 0;
  writes = 0;
  calls = 0;
  invocations = 0;
  states = 0;
  /** Faults injected by kind, and seeds that had the kind on. */
  readonly injected: Record<string, number> = {};
  readonly on: Record<string, number> = {};

  add(outcome: Outcome): void {
    this.seeds += 1;
    if (outcome.violation !== undefined) this.failed += 1;
    this.virtualMs += outcome.virtualMs;
    this.writes += outcome.writes;
    this.calls += outcome.calls;
    this.invocations += outcome.invocations;
    this.states += outcome.states;
    for (const [kind, n] of Object.entries(outcome.injected)) {
      this.injected[kind] = (this.injected[kind] ?? 0) + n;
      this.on[kind] = (this.on[kind] ?? 0) + 1;
    }
  }
}

const whole = (n: number): string => Math.round(n).toLocaleString('en');
const decimal = (n: number): string => n.toLocaleString('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** Names of all kinds of fault. */
export const faultNames = (): readonly string[] => FAULTS.map((f) => f.name);

/** One table: what was run at the left, what was injected at the right. Kinds that were never injected are marked. */
export function totalsTable(totals: Totals, wallMs: number, paint: Paint): string {
  const seconds = Math.max(wallMs, 1) / 1_000;
  const left: [string, string][] = [
    ['seeds', whole(totals.seeds)],
    ['failed', totals.failed === 0 ? '0' : paint(['red', 'bold'], whole(totals.failed))],
    ['virtual hours', decimal(totals.virtualMs / HOUR_MS)],
    ['writes by users', whole(totals.writes)],
    ['requests', whole(totals.calls)],
    ['invocations', whole(totals.invocations)],
    ['states looked at', whole(totals.states)],
    ['wall time', `${decimal(seconds)} s`],
    ['seeds/s', decimal(totals.seeds / seconds)],
    ['virtual hours/s', decimal(totals.virtualMs / HOUR_MS / seconds)],
  ];
  const kinds = faultNames().map((name): [string, string] => {
    const n = totals.injected[name] ?? 0;
    return n > 0 ? [name, whole(n)] : [paint('yellow', name), paint('yellow', totals.on[name] === undefined ? 'off' : '0 !')];
  });
  const half = Math.ceil(kinds.length / 2);
  const table = new Table({
    head: ['', '', 'fault', 'injected', 'fault', 'injected'],
    colAligns: ['left', 'right', 'left', 'right', 'left', 'right'],
    // One rule below the head is enough.
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    style: { head: [], border: [] },
  });
  for (let i = 0; i < Math.max(left.length, half); i += 1) {
    const second = half + i < kinds.length ? kinds[half + i] : undefined;
    table.push([...(left[i] ?? ['', '']), ...((i < half ? kinds[i] : undefined) ?? ['', '']), ...(second ?? ['', ''])]);
  }
  return table.toString();
}

/** Kinds of fault that were on and were never injected, though some seeds had them. */
export const neverInjected = (totals: Totals): readonly string[] => faultNames().filter((name) => (totals.injected[name] ?? 0) === 0);

/** A line for each failing seed. */
export function failureList(failures: readonly Failed[], paint: Paint): string {
  const lines = failures
    .slice(0, LISTED_MAX)
    .map(({ outcome: { seed, violation } }) => `${paint(['red', 'bold'], `✗ seed ${seed}`)}  ${violation.rule}: ${violation.message}`);
  const more = failures.length - lines.length;
  return [...lines, ...(more > 0 ? [paint('dim', `… and ${more} more`)] : [])].join('\n');
}

/** One failure, made smaller and told. */
export interface Finding {
  readonly failed: Failed;
  readonly shrunk: Broken;
  /** Runs of the shrinking; undefined when it was not asked for. */
  readonly runs?: number;
  readonly complete: boolean;
  readonly trace?: { readonly header: TraceHeader; readonly events: readonly TraceEvent[] };
  readonly stack?: string;
  /** Set when the run with a trace did not end as the one without: then nothing of it can be trusted. */
  readonly unstable?: string;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The command that runs exactly this again. */
export const replayCommand = (seed: number, knobs: Knobs): string =>
  `npm run sim -- --seed ${seed} --seeds 1 --no-shrink --knobs ${quoted(JSON.stringify(knobs))}`;
/** The command that draws it. */
export const viewCommand = (seed: number, knobs: Knobs): string => `npm run sim:view -- --seed ${seed} --knobs ${quoted(JSON.stringify(knobs))}`;

/** What was made smaller: "steps 140 → 6, faults 9 → 1". */
export function shrinkText(from: Knobs, to: Knobs): string {
  const parts: string[] = [];
  const faults = [from, to].map((k) => Object.keys(k.faults).length);
  for (const name of ['steps', 'faults', 'members', 'keys', 'lanes', 'concurrency', 'batchMessages', 'batchRecords'] as const) {
    const [before, after] = name === 'faults' ? faults : [from[name], to[name]];
    if (before !== after) parts.push(`${name} ${before} → ${after}`);
  }
  return parts.join(', ');
}

/** The report of one failure. @param columns of the terminal. */
export function findingText(finding: Finding, paint: Paint, columns?: number): string {
  const { failed, shrunk, trace } = finding;
  const { seed, knobs, violation } = shrunk;
  const label = (text: string): string => paint('dim', text.padEnd(8));
  const smaller = shrinkText(failed.outcome.knobs, knobs);
  const limits = finding.complete ? '' : '; a limit came first, so it may be smaller yet';
  const out = [
    `${paint(['red', 'bold'], `✗ ${violation.rule}`)}  ${paint('bold', violation.message)}`,
    '',
    `${label('seed')}${seed}`,
    `${label('knobs')}${JSON.stringify(knobs)}`,
  ];
  if (finding.runs !== undefined) out.push(`${label('shrunk')}${smaller || 'nothing smaller fails'} (${finding.runs} runs${limits})`);
  if (finding.unstable !== undefined) out.push(paint(['red', 'bold'], `${label('unstable')}${finding.unstable}`));
  if (finding.stack !== undefined) out.push('', ...stackLines(finding.stack).map((l) => paint('dim', l)));
  if (trace !== undefined && trace.events.length > 0) {
    const title = violation.key === undefined ? 'The last events' : `The story of ${violation.key}`;
    out.push('', paint('bold', title), renderStory(tellStory({ ...trace.header, violation }, trace.events), paint, columns));
  }
  out.push('', `${label('replay')}${replayCommand(seed, knobs)}`, `${label('look')}${viewCommand(seed, knobs)}`);
  return out.join('\n');
}

function stackLines(stack: string): readonly string[] {
  const lines = stack.split('\n');
  return lines.length <= STACK_LINES ? lines : [...lines.slice(0, STACK_LINES), `    … ${lines.length - STACK_LINES} more`];
}

/** A finding as data, without its trace. */
export const findingData = ({ failed, shrunk, runs, complete, stack, unstable }: Finding): Record<string, unknown> => ({
  seed: failed.outcome.seed,
  violation: failed.outcome.violation,
  knobs: failed.outcome.knobs,
  shrunk: { violation: shrunk.violation, knobs: shrunk.knobs, runs: runs ?? 0, complete },
  replay: replayCommand(shrunk.seed, shrunk.knobs),
  ...(stack !== undefined && { stack }),
  ...(unstable !== undefined && { unstable }),
});
