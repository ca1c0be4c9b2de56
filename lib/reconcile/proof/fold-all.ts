import { FormatError } from '../../core/errors.ts';
import { isRemote, whyText } from '../../ports/errors.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { together } from '../../replicate/together.ts';
import type { CheckPorts, MemberReach } from '../ports.ts';
import { newestBase } from '../scan/base.ts';
import type { AuditFinding, DriftFlag } from './fold.ts';
import { foldMember } from './fold.ts';
import type { Standing } from './standing.ts';
import { readStanding, saveStanding } from './standing.ts';

/** What the log of a member has led to. */
export interface Folded {
  readonly standing: Standing;
  readonly audit?: AuditFinding;
  /** Flags of drift that were heard. */
  readonly drift: number;
}

/**
 * Folds the logs of all members, and keeps what they have led to. A member whose log cannot be read is left out.
 *
 * @param keepMs how much of each log’s newest entries is kept (ms).
 * @param hear is given a member’s flags of drift, one member after the other. Its state is kept only after that, so that none is lost.
 */
export async function foldAll(
  { own, others }: CheckPorts,
  runtime: Runtime,
  untilMs: number,
  keepMs: number,
  hear: (flags: readonly DriftFlag[]) => Promise<void>,
): Promise<ReadonlyMap<string, Folded>> {
  const folds = await together(
    [own, ...others.values()].map(async (reach) => {
      const { member } = reach.place;
      const flags: DriftFlag[] = [];
      const fold = await remotely(member, async () => {
        const before = await readStanding(own.place, runtime, member);
        const base = await baseOf(reach, runtime);
        return foldMember(reach, before, base, runtime, untilMs, (flag) => flags.push(flag), { keepMs });
      });
      return fold && { ...fold, member, flags };
    }),
  );
  const folded = new Map<string, Folded>();
  for (const fold of folds) {
    if (fold === undefined) continue;
    const { member, standing, audit, flags } = fold;
    folded.set(member, { standing, drift: flags.length, ...(audit && { audit }) });
    await remotely(member, async () => {
      if (flags.length > 0) await hear(flags);
      await saveStanding(own.place, runtime, standing);
      if (audit !== undefined) tellAudit(audit, runtime);
    });
  }
  return folded;

  async function remotely<T>(member: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!isRemote(error)) throw error;
      runtime.log.warn('The log of a member could not be followed; the next look goes on.', { member, why: whyText(error) });
      return undefined;
    }
  }
}

/** The newest base; none where it is damaged: what was folded stays. */
async function baseOf(reach: MemberReach, runtime: Runtime): ReturnType<typeof newestBase> {
  try {
    return await newestBase(reach, runtime);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    runtime.log.error('The newest scan of a member is damaged.', { member: reach.place.member, why: error.message });
    return undefined;
  }
}

function tellAudit({ member, base, differing }: AuditFinding, { metrics, log }: Runtime): void {
  if (differing.length === 0) return;
  metrics.count('ProofAuditDiffers', 1, { member });
  log.error('A member’s log has not led to what its table holds: changes are missing in it. From the new scan on it counts again.', {
    member,
    base,
    cells: differing.length,
  });
}
