import { describe, expect, it } from 'vitest';
import { BY_PROOF } from '../../../lib/reconcile/check/request.ts';
import type { OpenLink } from '../../../lib/status/check-attention.ts';
import { checkAttention, PROOF_OLD_MS } from '../../../lib/status/check-attention.ts';
import type { CheckFacts } from '../../../lib/status/gather-checks.ts';
import { A, B, C, DAY, DIFFERS, HOUR, idAt, job, looked, MINUTE, MONTH, NOW, proof } from './support.ts';

/** What of the checker's work needs a person. */

const OPEN = [{ target: B, open: true }];
const said = (facts: Partial<CheckFacts>, links: readonly OpenLink[] = OPEN): readonly { code: string; message: string }[] =>
  checkAttention(A, { checks: [], ...facts }, links, NOW, MONTH);
const codes = (facts: Partial<CheckFacts>, links: readonly OpenLink[] = OPEN): string[] => said(facts, links).map(({ code }) => code);
const bases = (ago: number) => ({ [A]: { asOf: NOW, base: idAt(ago) }, [B]: { asOf: NOW, base: idAt(ago) } });

describe('A divergence', () => {
  it('needs a person as long as it is not repaired', () => {
    expect(said({ checks: [job(2 * HOUR, DIFFERS)] })).toEqual([
      {
        code: 'divergence',
        link: `${A}:${B}`,
        message: `${B} differs from ${A} in 3 keys that are not repaired, by the check ${idAt(2 * HOUR)}, which ended 1 h 59 min ago. "syncline check --repair" looks again, and repairs.`,
      },
    ]);
    expect(codes({ checks: [job(2 * HOUR, { ...DIFFERS, repaired: 3 })] })).toEqual([]);
    expect(said({ checks: [job(2 * HOUR, { ...DIFFERS, repaired: 2, left: 1 })] })[0]?.message).toContain('in 1 key that is not repaired');
  });

  it('is told of a check that waits for an approval, and not of one under way', () => {
    const { done: _, ...open } = job(HOUR, DIFFERS);
    const asks = { ...open, request: { ...open.request, action: 'ask' as const } };
    expect(said({ checks: [{ ...asks, phase: 'preview' }] })[0]?.message).toContain(
      `waits for somebody to allow the repair. "syncline check --resume ${open.id} --repair"`,
    );
    expect(codes({ checks: [{ ...asks, phase: 'repair' }] })).toEqual([]);
  });

  it('is over when a later sweep, or a check of the whole proof, shows the link equal or repairs it', () => {
    const old = job(5 * HOUR, DIFFERS);
    expect(codes({ checks: [job(HOUR), old] })).toEqual([]);
    expect(codes({ checks: [job(HOUR, { ...DIFFERS, repaired: 3 }), old] })).toEqual([]);
    expect(codes({ checks: [job(HOUR, {}, { request: { ...old.request, mode: 'proof' } }), old] })).toEqual([]);
  });

  it('is not over by a check of other keys, of a part, that failed, or that began before', () => {
    const old = job(5 * HOUR, DIFFERS);
    expect(codes({ checks: [job(HOUR, {}, { request: { ...old.request, mode: 'keys' } }), old] })).toEqual(['divergence']);
    expect(codes({ checks: [job(HOUR, {}, { request: { ...old.request, mode: 'sample', share: 0.1 } }), old] })).toEqual(['divergence']);
    expect(codes({ checks: [job(HOUR, {}, { failed: 'broken' }), old] })).toEqual(['divergence']);
    expect(codes({ checks: [job(HOUR, { why: 'not scanned' }), old] })).toEqual(['divergence']);
    expect(codes({ checks: [old, job(5 * HOUR - MINUTE / 2)] })).toEqual(['divergence']);
  });

  it('is over by the standing proof only where its scans are no older than the check', () => {
    const checks = [job(5 * HOUR, DIFFERS)];
    expect(codes({ checks, proof: proof(looked(), bases(4 * HOUR)) })).toEqual([]);
    expect(codes({ checks, proof: proof(looked(), bases(6 * HOUR)) })).toEqual(['divergence']);
    expect(codes({ checks, proof: proof(looked({ state: 'suspect' }), bases(4 * HOUR)) })).toEqual(['divergence']);
    expect(codes({ checks, proof: proof(looked({ asOf: NOW - 5 * HOUR }), bases(4 * HOUR)) })).toContain('divergence');
  });

  it('that the standing proof itself came upon is over when it comes out even again', () => {
    const own = job(5 * HOUR, DIFFERS, { request: { mode: 'keys', targets: [B], action: 'repair', by: BY_PROOF } });
    expect(codes({ checks: [own], proof: proof(looked(), bases(6 * HOUR)) })).toEqual([]);
    expect(codes({ checks: [own], proof: proof(looked({ asOf: NOW - 5 * HOUR }), bases(6 * HOUR)) })).toContain('divergence');
  });

  it('of several checks is told once, the newest first', () => {
    const found = said({ checks: [job(HOUR, { ...DIFFERS, divergent: 7 }), job(5 * HOUR, DIFFERS), job(6 * HOUR, DIFFERS)] });
    expect(found).toHaveLength(1);
    expect(found[0]?.message).toMatch(/in 7 keys .* So did 2 earlier checks\./);
  });

  it('of another link is not this one’s', () => {
    expect(codes({ checks: [job(HOUR, DIFFERS)] }, [{ target: C, open: true }])).toEqual([]);
  });
});

describe('Deletions that are held', () => {
  const drift = (held: number) => ({ since: NOW - HOUR, at: NOW - MINUTE, members: { [B]: { found: 20, sent: 3, held, over: 0 } } });

  it('need a person, whether a check or drift holds them', () => {
    expect(codes({ drift: drift(12) })).toEqual(['deletes-held']);
    expect(said({ drift: drift(12) })[0]?.message).toContain(`12 items that only ${B} has`);
    expect(codes({ checks: [job(HOUR, { verified: 60, divergent: 40, extra: 40, left: 40, held: 40 })] })).toEqual(['divergence', 'deletes-held']);
    expect(codes({ drift: drift(0) })).toEqual([]);
  });

  it('need nobody any more once the link is verified as of later than the drift', () => {
    expect(codes({ drift: { ...drift(12), at: NOW - 5 * MINUTE }, proof: proof(looked()) })).toEqual([]);
    expect(codes({ drift: { ...drift(12), at: NOW - 2 * MINUTE }, proof: proof(looked()) })).toEqual(['deletes-held']);
    expect(codes({ drift: { ...drift(12), at: NOW - 5 * MINUTE }, proof: proof(looked({ state: 'suspect' })) })).toEqual(['deletes-held']);
  });
});

describe('An old proof', () => {
  const old = looked({ state: 'unverified', asOf: NOW - PROOF_OLD_MS - 1, why: 'The link lags by 65 min.' });

  it('needs a person, and says why', () => {
    expect(codes({ proof: proof(looked({ asOf: NOW - PROOF_OLD_MS })) })).toEqual([]);
    expect(said({ proof: proof(old) })).toEqual([
      { code: 'proof-old', link: `${A}:${B}`, message: `That ${B} is equal to ${A} was last shown as of 1 h ago. Why: The link lags by 65 min.` },
    ]);
    const { why: _, ...suspect } = looked({ state: 'suspect', asOf: NOW - 2 * HOUR, differing: 3 });
    expect(said({ proof: proof(suspect) })[0]?.message).toContain('3 of 256 cells differ');
  });

  it('is told apart from a proof that nobody looks after any more', () => {
    expect(said({ proof: proof({ ...old, at: NOW - 2 * HOUR }) })[0]?.message).toContain('Nobody has looked for 2 h');
  });

  it('is nothing at a link that is closed, or was never verified', () => {
    expect(codes({ proof: proof(old) }, [{ target: B, open: false }])).toEqual([]);
    const { asOf: _, ...never } = old;
    expect(codes({ proof: proof(never) })).toEqual([]);
  });
});

describe('A log that the proof cannot rest on', () => {
  it('needs a person: a gap after a scan, and a scan that the log does not lead to', () => {
    const members = {
      [B]: { asOf: NOW, base: idAt(DAY), why: 'a segment is missing.' },
      [C]: { asOf: NOW, base: idAt(DAY), audit: { base: idAt(DAY), before: idAt(8 * DAY), differing: 4, at: NOW - DAY } },
    };
    const found = said({ proof: proof(looked(), members) });
    expect(found.map(({ code }) => code)).toEqual(['log-gap', 'log-audit']);
    expect(found[0]?.message).toContain(`ended at ${B}: a segment is missing. A new scan`);
    expect(found[1]?.message).toContain('4 cells of the scan');
  });

  it('is nothing where no scan was made yet, or the audit found nothing', () => {
    const members = {
      [A]: { asOf: NOW, why: 'it has not been scanned yet.' },
      [B]: { asOf: NOW, base: 'b', audit: { base: 'b', before: 'a', differing: 0, at: NOW } },
    };
    expect(codes({ proof: proof(looked(), members) })).toEqual([]);
  });
});

describe('A month’s budget', () => {
  it('needs a person in the month in which a sweep waits for it', () => {
    expect(codes({ sweeps: { v: 1, month: MONTH, spent: 24.5, told: MONTH } })).toEqual(['sweeps-over-budget']);
    expect(codes({ sweeps: { v: 1, month: '2026-12', spent: 24.5, told: '2026-12' } })).toEqual([]);
    expect(codes({ sweeps: { v: 1, month: MONTH, spent: 24.5 } })).toEqual([]);
  });
});
