import { describe, expect, it } from 'vitest';
import type { LaneMessage } from '../../../../lib/core/formats/message.ts';
import { decodeMessage } from '../../../../lib/core/formats/message.ts';
import { JobLease } from '../../../../lib/job/lease.ts';
import type { QueuePort, SendEntry } from '../../../../lib/ports/queue.ts';
import type { CheckJob, CheckLink } from '../../../../lib/reconcile/check/job.ts';
import { checkPlace } from '../../../../lib/reconcile/check/job.ts';
import { storeFindings } from '../../../../lib/reconcile/check/objects.ts';
import { repairPhase } from '../../../../lib/reconcile/check/phase-repair.ts';
import type { Finding } from '../../../../lib/reconcile/check/report.ts';
import { deletionsOf, heldTargets, isLinkBraked } from '../../../../lib/reconcile/repair/brake.ts';
import { key } from '../../../flows/support/world.ts';
import { LINK } from '../check/link.ts';
import { Rig } from '../check/rig.ts';

const ID = '20260101T000000Z-abcdef';
const PART_KEYS = 1_000;
const PROVE = { mode: 'sweep', action: 'repair', purpose: 'prove', prove: { at: 1, epoch: 1 }, by: 'a test' } as const;

const keysOf = (message: LaneMessage): number => (message.kind === 'resync' && message.job !== undefined ? message.keys.length : 0);

const jobOf = (link: CheckLink, more: Partial<CheckJob> = {}): CheckJob => ({
  ...{ id: ID, set: 'test', source: link.source, phase: 'repair', started: 1, since: 1, links: [link], tasks: [], v: 0 },
  request: { mode: 'sweep', targets: [link.target], action: 'repair', by: 'a test' },
  ...{ made: 0, next: 0, active: [], round: 1, findings: 0, parts: 0, told: 0 },
  ...more,
});

/** The repair of a proof that has no verdict on so many parts of 1,000 keys each. @returns how many resyncs were sent */
async function proofOf(parts: number, keys: number): Promise<number> {
  const rig = await Rig.create(2);
  const { runtime } = rig.world;
  const [target = ''] = rig.targets;
  const unverified = parts * PART_KEYS;
  const link = { ...LINK, source: rig.world.primary, target, stage: 'ended' as const, keys, verified: keys - unverified, unverified };
  const { own, ...ports } = rig.ports();
  let sent = 0;
  const queue: QueuePort = Object.assign(Object.create(ports.queue) as QueuePort, {
    sendBatch: (url: string, entries: readonly SendEntry[]) => {
      for (const { body } of entries) sent += keysOf(decodeMessage(body));
      return ports.queue.sendBatch(url, entries);
    },
  });
  for (let part = 0; part < parts; part += 1) {
    const findings = Array.from({ length: PART_KEYS }, (_, i): Finding => ({ key: key(`x${part}-${i}`), target, verdict: 'unverified', why: 'nobody knows' }));
    await rig.beside(storeFindings(own.place, runtime, ID, part, findings));
  }
  const { v: _, ...fresh } = jobOf(link, { request: { ...PROVE, targets: [target] }, made: parts, parts, findings: unverified });
  const lease = await rig.beside(JobLease.claim<CheckJob>(checkPlace(own.table, own.member.tables.control, ID), runtime, 'a test', fresh, false));
  const endMs = Number.POSITIVE_INFINITY;
  const watcher = { progress: () => undefined, stopped: () => false };
  while (lease.job.phase === 'repair') {
    await rig.beside(repairPhase({ ports: { ...ports, own, queue }, runtime, lease, untilMs: endMs, endMs, watcher, drive: true }));
    await rig.pass(30_000);
  }
  return sent;
}

describe('the brake of repairs', () => {
  it('counts all keys of a proof that may be deleted, not those of one part: none of 12,000 of 100,000 is sent', async () => {
    expect(await proofOf(12, 100_000)).toBe(0);
  });

  it('lets a share pass that is small enough', async () => {
    expect(await proofOf(2, 100_000)).toBe(2 * PART_KEYS);
  });

  it('counts keys without a verdict where they are resynced, and never those that the target refuses', () => {
    const link = { ...LINK, keys: 1_000, verified: 820, divergent: 60, extra: 60, unverified: 120, refused: 70 };
    const proof = jobOf(link, { request: { ...PROVE, targets: [link.target] } });
    expect(deletionsOf(jobOf(link), link)).toBe(60);
    expect(deletionsOf(proof, link)).toBe(110);
    expect(isLinkBraked(jobOf(link), link)).toBe(false);
    expect(isLinkBraked(proof, link)).toBe(true);
    expect(isLinkBraked({ ...proof, request: { ...proof.request, allowDeletes: true } }, link)).toBe(false);
    expect([...heldTargets({ ...proof, approved: { by: 'ada', at: 1, deletes: true } })]).toEqual([]);
    expect([...heldTargets(jobOf({ ...link, extra: 1, divergent: 1, verified: 879 }, { request: { ...proof.request, keepExtras: true } }))]).toEqual([
      link.target,
    ]);
  });
});
