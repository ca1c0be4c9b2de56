import { InputError } from '../../core/errors.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { LinkContext } from '../../replicate/context.ts';
import { runCheck } from '../check/engine.ts';
import type { CheckJob, CheckLink } from '../check/job.ts';
import { isOpen, listChecks } from '../check/job.ts';
import { readPrimary, startCheck } from '../check/start.ts';
import type { CheckProgress } from '../check/step.ts';
import type { CheckPorts } from '../ports.ts';
import { isLinkBraked } from '../repair/brake.ts';
import type { Beat, Ended } from './drain.ts';
import { awaitPassed, drainLinks } from './drain.ts';
import { PASSES_MAX } from './limits.ts';
import { reopenStale } from './proven.ts';

/** How a proof goes. */
export interface ProveOptions {
  /** Who runs it, for people: host and process. */
  readonly owner: string;
  /** Whether this run does the other members' scans by itself; else their minute runs do. */
  readonly drive: boolean;
  /** Repairs may delete more items at a target than the brake lets pass. */
  readonly allowDeletes?: boolean;
  /** Nothing is deleted: a link whose target has more than the source is not proven. */
  readonly keepExtras?: boolean;
  /** Items a second that a scan reads at most, at each member. */
  readonly itemsPerS?: number;
  /** Elapsed time (ms) at which it ends unfinished; absent: it runs until it is done. */
  readonly untilMs?: number;
}

/** Where it is. */
export interface ProveProgress {
  readonly phase: 'drain' | 'check';
  /** From 1. */
  readonly pass: number;
  readonly lanes?: { readonly passed: number; readonly of: number };
  readonly check?: CheckProgress;
}

/** Hears of progress, and may end the run between two steps. */
export interface ProveWatcher {
  progress(now: ProveProgress): void;
  stopped(): boolean;
}

/** How one link came out. */
export interface ProvenLink {
  readonly target: string;
  /** Source and target were equal as of then (ms, clock of the source's region); absent when that could not be shown. */
  readonly proven?: number;
  /** Why it is not proven. */
  readonly why?: string;
  /** It was stale, and was opened again. */
  readonly reopened: boolean;
  readonly passes: number;
  /** Of all passes. */
  readonly repaired: number;
  /** Of the last pass. */
  readonly keys: number;
  readonly divergent: number;
  readonly unverified: number;
  readonly refused: number;
  /** Items that only the target has, and that nobody has allowed to be deleted. */
  readonly held: number;
}

export interface ProveResult {
  readonly links: readonly ProvenLink[];
  /** Ids of the checks that were made. */
  readonly checks: readonly string[];
  /** It ended before all was done: the next run goes on with the check that is under way. */
  readonly ended?: 'stopped' | 'time';
}

/**
 * Proves links: a stale one is opened again, all that was written before is drained, both tables are compared, what differs is
 * resynced, and compared again until nothing differs and nothing is unverified. Then `link.proven` is the time of the drain.
 *
 * A run that is killed goes on with the check that it had begun; its proof is as of that check's drain.
 *
 * @throws InputError "not-primary", "unknown-member", "too-many-checks", "job-taken" when another run is at the same proof, "job-lost" ·
 *   NotInitialisedError, RemoteError, FormatError
 */
export async function proveLinks(
  ports: CheckPorts,
  runtime: Runtime,
  targets: readonly string[],
  options: ProveOptions,
  watcher: ProveWatcher,
): Promise<ProveResult> {
  const { member, table } = ports.own;
  const { clock } = runtime;
  const { seat, links: rows } = await readPrimary(member, table, runtime);
  const links = targets.map((target) => linkTo(member.links, target));
  const state = new Map<string, ProvenLink>();
  for (const { target } of links) {
    const row = rows.get(target);
    const reopened = row?.state === 'stale' && (await reopenStale(ports.own, runtime, target));
    const why =
      row?.state === 'paused' ? `the link is paused${row.why === undefined ? '' : `: ${row.why}`}` : row === undefined ? 'there is no such link' : undefined;
    state.set(target, {
      target,
      ...(why !== undefined && { why }),
      reopened,
      passes: 0,
      repaired: 0,
      keys: 0,
      divergent: 0,
      unverified: 0,
      refused: 0,
      held: 0,
    });
  }
  const checks: string[] = [];
  /** Links at which keys without a verdict were held back by the last comparison, and how many. */
  const unknownHeld = new Map<string, number>();
  const over = (): boolean => watcher.stopped() || (options.untilMs !== undefined && clock.elapsed() >= options.untilMs);

  let earlier = await unfinished();
  let proof = earlier?.request.prove;
  if (proof === undefined) {
    proof = { at: clock.now(), epoch: seat.own };
    if (!(await drain(proof.at))) return result();
  }
  for (let pass = 1; pass <= PASSES_MAX && left().length > 0; pass += 1) {
    const job = earlier ?? (await begin(proof));
    earlier = undefined;
    checks.push(job.id);
    const done = await runCheck(
      ports,
      runtime,
      job.id,
      { owner: options.owner, untilMs: options.untilMs ?? Number.POSITIVE_INFINITY, drive: options.drive },
      { progress: (check) => watcher.progress({ phase: 'check', pass, check }), stopped: () => watcher.stopped() },
    );
    for (const link of done.links) note(link, done, pass);
    if (done.done === undefined) return result();
  }
  for (const target of left()) change(target, { why: stillOpen(unknownHeld.get(target) ?? 0) });
  return result();

  /** Targets that are neither proven nor given up. */
  function left(): readonly string[] {
    return [...state.values()].filter(({ proven, why }) => proven === undefined && why === undefined).map(({ target }) => target);
  }

  function change(target: string, to: Partial<ProvenLink>): void {
    state.set(target, { ...(state.get(target) as ProvenLink), ...to });
  }

  function result(): ProveResult {
    const ended = left().length > 0 ? (watcher.stopped() ? 'stopped' : 'time') : undefined;
    return { links: [...state.values()], checks, ...(ended !== undefined && { ended }) };
  }

  /** The check that an earlier run of the same proof has begun, and nobody has finished. */
  async function unfinished(): Promise<CheckJob | undefined> {
    const wanted = [...targets].sort().join();
    const open = (await listChecks(table, member.tables.control, runtime)).filter(isOpen);
    return open.find(({ request }) => request.purpose === 'prove' && request.prove?.epoch === seat.own && [...request.targets].sort().join() === wanted);
  }

  /** @returns whether it came to its end */
  async function drain(tMs: number): Promise<boolean> {
    const beat: Beat = { renew: async () => undefined, stopped: over };
    const passed = await awaitPassed({ table, stream: ports.stream }, runtime, { control: member.tables.control, streamArn: seat.stream, tMs }, beat);
    const due = links.filter(({ target }) => left().includes(target));
    if (passed !== undefined) for (const { target } of due) stuck(target, passed);
    if (passed !== undefined) return false;
    const ends = await drainLinks(due, { table, queue: ports.queue }, runtime, seat.own, beat, (lanes) => watcher.progress({ phase: 'drain', pass: 1, lanes }));
    for (const [target, end] of ends) stuck(target, end);
    return !over();
  }

  function stuck(target: string, end: Ended): void {
    if (end.ended === 'stuck') change(target, { why: `its lanes do not drain: ${end.why}` });
  }

  /** What an earlier pass has scanned serves again: since then the log says what changed. */
  function begin(prove: { readonly at: number; readonly epoch: number }): Promise<CheckJob> {
    const scansOf = checks[0];
    return startCheck(ports, runtime, {
      mode: 'sweep',
      targets: left(),
      action: 'repair',
      purpose: 'prove',
      prove,
      by: options.owner,
      ...(scansOf !== undefined && { scansOf }),
      ...(options.allowDeletes === true && { allowDeletes: true }),
      ...(options.keepExtras === true && { keepExtras: true }),
      ...(options.itemsPerS !== undefined && { itemsPerS: options.itemsPerS }),
    });
  }

  function note(link: CheckLink, job: CheckJob, pass: number): void {
    const { target, keys, divergent, unverified, refused, held } = link;
    unknownHeld.set(target, isLinkBraked(job, link) ? unverified - refused : 0);
    const before = state.get(target) as ProvenLink;
    const why = whyNot(link, job);
    change(target, {
      ...{ passes: pass, keys, divergent, unverified, refused, held },
      repaired: before.repaired + link.repaired,
      ...(link.provenMs !== undefined ? { proven: link.provenMs } : why !== undefined && { why }),
    });
  }
}

/** Why a link is not proven after the last comparison. Pure. @param unknownHeld keys without a verdict that the brake has held back */
export const stillOpen = (unknownHeld: number): string =>
  `keys still differ, or are unverified, after ${PASSES_MAX} comparisons${
    unknownHeld === 0 ? '' : `; ${unknownHeld} without a verdict are not resynced without your word, since that may delete them there: allow the deletions`
  }`;

/** Why another comparison would not help, or undefined. Pure. */
function whyNot(link: CheckLink, job: CheckJob): string | undefined {
  if (job.done === undefined) return undefined;
  if (job.failed !== undefined) return job.failed;
  if (link.why !== undefined) return link.why;
  if (link.held > 0) return `${link.held} items that only ${link.target} has are not deleted without your word: allow the deletions`;
  return undefined;
}

function linkTo(links: readonly LinkContext[], target: string): LinkContext {
  const found = links.find((link) => link.target === target);
  if (found !== undefined) return found;
  throw new InputError('unknown-member', `There is no link to "${target}". There are links to: ${links.map((link) => link.target).join(', ') || 'nobody'}.`);
}
