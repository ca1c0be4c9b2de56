import { describe, expect, it } from 'vitest';
import { encodeOrphan, orphanId } from '../../../lib/core/formats/orphan-row.ts';
import { encodeCheck } from '../../../lib/reconcile/check/job.ts';
import { encodeDrift } from '../../../lib/reconcile/drift/row.ts';
import { encodeProof } from '../../../lib/reconcile/proof/row.ts';
import { encodeScanTask, freshScan } from '../../../lib/reconcile/scan/task.ts';
import { encodeSweeps } from '../../../lib/reconcile/schedule/row.ts';
import { checksStatus, linkCheckStatus } from '../../../lib/status/checks.ts';
import { cityKey, World } from '../cli/world.ts';
import { A, B, DAY, DIFFERS, HOUR, idAt, job, looked, MINUTE, MONTH, NOW, proof } from './support.ts';

describe('What is known of a link', () => {
  it('is when it was verified, how much of it, and what the last check found', () => {
    const last = job(DAY, { ...DIFFERS, repaired: 3 });
    expect(linkCheckStatus({ proof: proof(looked({ differing: 1 })), checks: [last] }, B, NOW)).toEqual({
      state: 'verified',
      lookedAt: NOW - MINUTE,
      asOf: NOW - 3 * MINUTE,
      cells: 256,
      equalCells: 255,
      hot: 2,
      last: {
        id: last.id,
        mode: 'sweep',
        result: 'repaired',
        ended: last.done,
        keys: 100,
        verified: 97,
        divergent: 3,
        unverified: 0,
        repaired: 3,
        left: 0,
        held: 0,
      },
    });
  });

  it('is nothing before anybody has looked', () => {
    expect(linkCheckStatus({ checks: [] }, B, NOW)).toEqual({ state: 'none', cells: 0, equalCells: 0, hot: 0 });
  });

  it('passes over checks under way, but not over one that waits for an approval', () => {
    const { done: _, ...running } = job(HOUR, {}, { phase: 'preview' });
    const asks = { ...running, request: { ...running.request, action: 'ask' as const } };
    expect(linkCheckStatus({ checks: [running, job(DAY)] }, B, NOW).last?.id).toBe(idAt(DAY));
    expect(linkCheckStatus({ checks: [asks, job(DAY)] }, B, NOW).last).toMatchObject({ id: idAt(HOUR), result: 'equal' });
    expect(linkCheckStatus({ checks: [asks, job(DAY)] }, B, NOW).last).not.toHaveProperty('ended');
  });
});

describe('Drift', () => {
  it('is shown for about a day after the last one', () => {
    const counts = { found: 3, sent: 3, held: 0, over: 0 };
    const drift = (at: number) => ({ since: NOW - 30 * HOUR, at, members: { [B]: counts } });
    expect(linkCheckStatus({ checks: [], drift: drift(NOW - 23 * HOUR) }, B, NOW).drift).toEqual({ ...counts, since: NOW - 30 * HOUR, at: NOW - 23 * HOUR });
    expect(linkCheckStatus({ checks: [], drift: drift(NOW - 25 * HOUR) }, B, NOW)).not.toHaveProperty('drift');
  });
});

describe('The checks of a set', () => {
  it('are those under way, the oldest first, and what this month’s sweeps cost', () => {
    const { done: _, ...running } = job(HOUR, { suspicions: 40, judged: 10 }, { phase: 'verdict' });
    const { done: __, ...older } = job(2 * HOUR, {}, { phase: 'scan' });
    const sweeps = { v: 1, last: NOW - DAY, month: MONTH, spent: 3.5 };
    expect(checksStatus({ checks: [running, older, job(DAY)], sweeps }, MONTH)).toEqual({
      running: [
        { id: older.id, mode: 'sweep', by: 'somebody', phase: 'scan', started: NOW - 2 * HOUR, targets: [B], judged: 0, suspicions: 0, waits: false },
        { id: running.id, mode: 'sweep', by: 'somebody', phase: 'verdict', started: NOW - HOUR, targets: [B], judged: 10, suspicions: 40, waits: false },
      ],
      sweeps: { last: NOW - DAY, month: MONTH, spentUsd: 3.5, overBudget: false },
    });
    expect(checksStatus({ checks: [], sweeps }, '2027-02').sweeps).toMatchObject({ month: '2027-02', spentUsd: 0 });
  });
});

describe('syncline status', () => {
  const orphan = (id: number, state: 'open' | 'discarded') =>
    encodeOrphan({ id: orphanId(Buffer.alloc(16, id), '1'), key: cityKey(id), cause: 'hand-write', at: NOW, segment: 's', ordinal: 0, state, since: NOW });

  async function world(): Promise<World> {
    const made = await new World().deploy().init();
    const at = made.region(A).table;
    const { control } = made.context(A).tables;
    const { done: _, ...running } = job(HOUR, { suspicions: 40, judged: 10 }, { id: idAt(HOUR, 'ffffff'), phase: 'verdict' });
    const drift = { since: NOW - 5 * HOUR, at: NOW, members: { [B]: { found: 7, sent: 4, held: 3, over: 0 } } };
    for (const row of [
      encodeProof(proof(looked(), { [A]: { asOf: NOW, base: idAt(DAY) } })),
      encodeCheck(job(DAY, { ...DIFFERS, repaired: 3 })),
      encodeCheck(running),
      encodeDrift(drift),
      encodeSweeps({ v: 1, last: NOW - DAY, month: MONTH, spent: 2 }),
    ])
      await at.put(control, row);
    const there = made.region(B).table;
    const task = { ...freshScan({ id: idAt(HOUR), by: 'a check', asked: NOW - HOUR }), v: 1 };
    for (const row of [orphan(1, 'open'), orphan(2, 'discarded'), orphan(3, 'open'), encodeScanTask(task)])
      await there.put(made.context(B).tables.control, row);
    return made;
  }

  it('has for each link of the primary how far it is known to be equal, in a document', async () => {
    const { json } = await (await world()).run('status', '--json');
    const link = json.links.find((l: { source: string; target: string }) => l.source === A && l.target === B);
    expect(link.check).toMatchObject({
      state: 'verified',
      asOf: NOW - 3 * MINUTE,
      cells: 256,
      equalCells: 256,
      last: { divergent: 3, repaired: 3, result: 'repaired' },
      drift: { found: 7, sent: 4, held: 3 },
    });
    expect(json.links.find((l: { source: string }) => l.source === B)).not.toHaveProperty('check');
    expect(json.checks).toMatchObject({ running: [{ phase: 'verdict', judged: 10, suspicions: 40 }], sweeps: { spentUsd: 2, overBudget: false } });
    expect(json.members.find((m: { member: string }) => m.member === B)).toMatchObject({
      orphans: { open: 2, more: false },
      tasks: [{ kind: 'scan', by: 'a check' }],
    });
    expect(json.attention.map((a: { code: string }) => a.code)).toContain('deletes-held');
    expect(json.next_steps.map((s: { command: string }) => s.command).join()).toContain('check --repair --allow-deletes');
  });

  it('says the same to a person', async () => {
    const { stdout } = await (await world()).run('status');
    const row = stdout.split('\n').find((line, i, all) => all.slice(0, i).some((before) => before.startsWith('PROOF')) && line.startsWith(`${A} → ${B}`));
    expect(row).toMatch(/3 min ago +256\/256 +2 +no +sweep, 23 h 59 min ago +3, repaired +0 +7$/);
    expect(stdout).toContain('7 writes by hand in the last 5 h: 4 sent to repair, 3 held');
    expect(stdout).toMatch(/Check \S+-ffffff \(sweep, by somebody\) began 1 h ago, at "verdict"/);
    expect(stdout).toContain(`${B}: 2 open orphans`);
    expect(stdout).toContain(`${B}: a scan (`);
    expect(stdout).toContain('Nobody has compared them yet');
  });

  it('goes on without what it cannot read, and says so', async () => {
    const made = await world();
    await made.region(A).table.put(made.context(A).tables.control, { ...encodeDrift({ since: 1, at: 1, members: {} }), kind: { S: 'else' } });
    const { json } = await made.run('status', '--json');
    expect(json.links[0].check).toMatchObject({ state: 'verified' });
    expect(json.links[0].check).not.toHaveProperty('drift');
    expect(json.attention.find((a: { code: string }) => a.code === 'unread').message).toContain('drift in');
  });
});
