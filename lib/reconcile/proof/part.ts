import { FormatError } from '../../core/errors.ts';
import type { Link } from '../../core/formats/rows.ts';
import { isPrimary } from '../../core/formats/rows.ts';
import { isRemote, whyText } from '../../ports/errors.ts';
import type { QueueDepth } from '../../ports/queue.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { LinkContext } from '../../replicate/context.ts';
import { retried } from '../../replicate/retry.ts';
import { readSelf } from '../../replicate/self.ts';
import { together } from '../../replicate/together.ts';
import type { CheckPorts, MemberReach } from '../ports.ts';
import { LogGapError } from '../segments.ts';
import type { Suspicion } from '../verdict/suspicion.ts';
import type { LinkComparison, LinkLag } from './compare.ts';
import { compareLink } from './compare.ts';
import type { AuditFinding, DriftFlag } from './fold.ts';
import { foldAll } from './fold-all.ts';
import { firstOf } from './hot-keys.ts';
import { keepFor, lagOf } from './lag.ts';
import { OBJECT_MAX_MS, OPENING_MAX_MS, SUSPICIONS_MAX } from './limits.ts';
import { afterLook, cellsToOpen } from './look.ts';
import type { Opened } from './opening.ts';
import { beginOpening, stepOpening } from './opening.ts';
import { readRefusedKeys } from './refused.ts';
import type { LinkProof, MemberProof, ProofRow } from './row.ts';
import { readProof, saveProof } from './row.ts';
import type { Standing } from './standing.ts';
import { followHot, suspectHot } from './suspects.ts';

/** What a minute’s look has shown. */
export interface ProofPartResult {
  readonly links: Readonly<Record<string, Pick<LinkProof, 'state' | 'differing' | 'hot' | 'why'>>>;
  /** Keys that a verdict is to look at: what opened cells differ in, and keys that do not come to rest. At most SUSPICIONS_MAX. */
  readonly suspicions: readonly Suspicion[];
  readonly audits: readonly AuditFinding[];
  /** Flags of drift that were heard. */
  readonly drift: number;
}

const NOTHING: ProofPartResult = { links: {}, suspicions: [], audits: [], drift: 0 };
/** Cells are opened, and keys named, only when so much time is left (ms). */
const OPEN_MIN_MS = 5_000;

/**
 * The minute’s look of the primary: the logs of all members are folded, each link is compared, and what differs still is opened, a step at a
 * time. At a secondary it does nothing. One member’s or link’s trouble does not stop the others.
 *
 * @param untilMs elapsed time (ms) @param hear is given the flags of drift. A member’s state is saved only after that, so that none is lost.
 * @throws RemoteError when the seat or the row cannot be read or written
 */
export async function proofPart(
  ports: CheckPorts,
  runtime: Runtime,
  untilMs: number,
  hear: (flags: readonly DriftFlag[]) => Promise<void>,
): Promise<ProofPartResult> {
  const { own } = ports;
  const { control } = own.member.tables;
  const { seat, links } = await retried(runtime, untilMs, () => readSelf(own.table, control));
  if (seat === undefined || !isPrimary(seat)) return NOTHING;
  const before = await readProof(own.table, control, runtime);
  const folded = await foldAll(ports, runtime, untilMs, keepFor(longestLag(links, runtime.clock.now())), hear);
  const source = folded.get(own.member.member)?.standing;
  const looks = await together(
    own.member.links.map(async (link): Promise<Look | undefined> => {
      const target = folded.get(link.target)?.standing;
      const reach = ports.others.get(link.target);
      if (source === undefined || target === undefined || reach === undefined) return undefined;
      return lookAt(ports, runtime, { link, row: links.get(link.target), source, target, reach, before: before?.links[link.target], untilMs });
    }),
  );
  const made = withinMost(
    looks.filter((look) => look !== undefined),
    runtime,
  );
  const at = runtime.clock.now();
  const proof: ProofRow = {
    at,
    links: { ...kept(before?.links, own.member.links), ...Object.fromEntries(made.map(({ target, proof: of }) => [target, of])) },
    members: Object.fromEntries([...folded].map(([member, { standing, audit }]) => [member, memberProof(standing, audit, before?.members[member])])),
    v: (before?.v ?? 0) + 1,
  };
  if (!(await saveProof(own.table, control, runtime, proof, before))) runtime.log.info('Another run has written its look at the proof meanwhile.');
  for (const { proof: of, target } of made)
    if (of.asOf !== undefined) runtime.metrics.count('ProofAgeS', Math.max(0, Math.round((at - of.asOf) / 1_000)), { link: target });
  return {
    links: Object.fromEntries(
      made.map(({ target, proof: { state, differing, hot, why } }) => [target, { state, differing, hot, ...(why !== undefined && { why }) }]),
    ),
    suspicions: made.flatMap(({ suspicions }) => suspicions),
    audits: [...folded.values()].flatMap(({ audit }) => audit ?? []),
    drift: [...folded.values()].reduce((sum, { drift }) => sum + drift, 0),
  };
}

/** SUSPICIONS_MAX suspicions of all links: what is beyond is told, and found again when its cells are opened once more. */
export function withinMost(looks: readonly Look[], { log, metrics }: Pick<Runtime, 'log' | 'metrics'>): readonly Look[] {
  let room = SUSPICIONS_MAX;
  return looks.map((look) => {
    const { target, proof, suspicions } = look;
    const kept = suspicions.slice(0, room);
    room -= kept.length;
    const dropped = suspicions.length - kept.length;
    if (dropped === 0) return look;
    metrics.count('SuspicionsDropped', dropped, { link: target });
    log.warn('More keys of a link differ than a look hands to a check.', { link: target, suspicions: suspicions.length, dropped });
    const why = `${suspicions.length} keys differ; ${dropped} of them were left for the next time that these cells are opened. "syncline check --sweep" looks at all.`;
    return { target, suspicions: kept, proof: { ...proof, ...(proof.opened && { opened: { ...proof.opened, why } }) } };
  });
}

/** What the row says of links that this look could not judge: as it stood. */
const kept = (links: ProofRow['links'] | undefined, present: readonly LinkContext[]): ProofRow['links'] =>
  Object.fromEntries(present.flatMap(({ target }) => (links?.[target] === undefined ? [] : [[target, links[target]]])));

function memberProof(standing: Standing, audit: AuditFinding | undefined, before: MemberProof | undefined): MemberProof {
  const { base, items, asOfMs, why } = standing;
  const found = audit === undefined ? before?.audit : { base: audit.base, before: audit.before, differing: audit.differing.length, at: audit.at };
  return {
    asOf: asOfMs,
    ...(base !== undefined && { base }),
    ...(items !== undefined && { items }),
    ...(why !== undefined && { why }),
    ...(found && { audit: found }),
  };
}

/** The lag of the slowest link (ms), by its newest marker. */
const longestLag = (links: ReadonlyMap<string, Link>, nowMs: number): number =>
  Math.max(0, ...[...links.values()].map(({ mark }) => (mark === undefined ? 0 : nowMs - mark.sent)));

interface LinkAt {
  readonly link: LinkContext;
  readonly row: Link | undefined;
  readonly source: Standing;
  readonly target: Standing;
  readonly reach: MemberReach;
  readonly before: LinkProof | undefined;
  readonly untilMs: number;
}

/** What a look at one link has come to. */
export interface Look {
  readonly target: string;
  readonly proof: LinkProof;
  readonly suspicions: readonly Suspicion[];
}

/** Compares one link, and goes on with what is open. */
async function lookAt(ports: CheckPorts, runtime: Runtime, at: LinkAt): Promise<Look> {
  const { link, row, source, before, untilMs } = at;
  const nowMs = runtime.clock.now();
  const depth = await depthOf(ports, runtime, link);
  const comparison = await compared(ports.own, runtime, at, nowMs, lagOf(row, depth, source.window, nowMs));
  const proof = afterLook(before, comparison, nowMs);
  const has = { target: link.target, proof, suspicions: [] };
  if (untilMs - runtime.clock.elapsed() < OPEN_MIN_MS) return has;
  try {
    const { followed, lasting } = followHot(before?.followed ?? {}, firstOf(comparison.hotKeys, comparison.hot), runtime.chance.random());
    const suspicions = await suspectHot(ports.own, link.target, source, lasting, runtime);
    const opened = await open(ports.own, runtime, at, comparison, proof);
    return { ...has, proof: { ...opened.proof, followed }, suspicions: [...opened.suspicions, ...suspicions] };
  } catch (error) {
    if (!isRemote(error) && !(error instanceof FormatError) && !(error instanceof LogGapError)) throw error;
    runtime.log.warn('What differs in a link could not be opened; the next look goes on.', { link: link.target, why: whyText(error) });
    return has;
  }
}

/** Compares, and once more without what the target refuses where that may be all that differs. */
async function compared(own: MemberReach, runtime: Runtime, { source, target, reach }: LinkAt, nowMs: number, lag: LinkLag): Promise<LinkComparison> {
  const comparison = compareLink(source, target, nowMs, lag);
  if (comparison.state !== 'suspect') return comparison;
  try {
    const refused = await readRefusedKeys(own, reach, runtime);
    return refused.length === 0 ? comparison : compareLink(source, target, nowMs, lag, refused);
  } catch (error) {
    if (!isRemote(error) && !(error instanceof FormatError)) throw error;
    runtime.log.warn('What a target refuses could not be read; the next look tries again.', { link: reach.member.member, why: whyText(error) });
    return comparison;
  }
}

async function depthOf({ queue }: CheckPorts, runtime: Runtime, { queueUrl }: LinkContext): Promise<QueueDepth | undefined> {
  try {
    return await retried(runtime, runtime.clock.elapsed() + OBJECT_MAX_MS, () => queue.depth(queueUrl));
  } catch (error) {
    // The marker tells of lag by itself.
    if (!isRemote(error)) throw error;
    return undefined;
  }
}

/** Begins to open cells, or goes on with it. */
async function open(
  own: MemberReach,
  runtime: Runtime,
  { reach, source, target, before }: LinkAt,
  comparison: LinkComparison,
  proof: LinkProof,
): Promise<{ readonly proof: LinkProof; readonly suspicions: readonly Suspicion[] }> {
  const nowMs = runtime.clock.now();
  const cells = cellsToOpen(before, proof, nowMs);
  let opening = proof.opening;
  if (opening === undefined && cells.length > 0)
    opening = await beginOpening(own, reach, runtime, { by: 'the standing proof', source, target, comparison, cells });
  if (opening === undefined) return { proof, suspicions: [] };
  for (;;) {
    const step = await stepped(own, reach, runtime, opening);
    opening = step.opening;
    const { opened } = step;
    if (opened !== undefined) {
      const { opening: _, ...rest } = proof;
      const { suspicions, unresolved, bytes, why } = opened;
      const found = { at: nowMs, cells: opening.cells, suspicions: suspicions.length, unresolved, bytes, ...(why !== undefined && { why }) };
      return { proof: { ...rest, opened: found }, suspicions };
    }
    if (step.waitMs > 0) return { proof: { ...proof, opening }, suspicions: [] };
  }
}

/** A step; one that cannot succeed ends the opening. */
async function stepped(own: MemberReach, reach: MemberReach, runtime: Runtime, opening: NonNullable<LinkProof['opening']>): ReturnType<typeof stepOpening> {
  const over = (why: string): { opening: typeof opening; waitMs: number; opened: Opened } => ({
    opening,
    waitMs: 0,
    opened: { suspicions: [], bytes: opening.bytes, unresolved: 0, why },
  });
  if (runtime.clock.now() - opening.begun > OPENING_MAX_MS) return over(`${opening.target} has not answered within ${OPENING_MAX_MS / 60_000} minutes.`);
  try {
    return await stepOpening(own, reach, runtime, opening);
  } catch (error) {
    if (!(error instanceof FormatError) && !(error instanceof LogGapError)) throw error;
    return over(error.message);
  }
}
