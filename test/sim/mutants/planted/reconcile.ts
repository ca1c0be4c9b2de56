import type { Knobs } from '../../knobs.ts';
import type { Mutant } from '../mutant.ts';

/** Bugs of the checker: in what the observer calls drift, in digests and scans, in verdicts, and in what follows on them. */
const DRIFT = 'lib/observe/drift.ts';
const ORPHANS = 'lib/observe/orphans.ts';
const PULL = 'lib/reconcile/drift/pull.ts';
const DIGEST = 'lib/core/digest.ts';
const COMPARE = 'lib/reconcile/proof/compare.ts';
const OVERLAY = 'lib/reconcile/scan/overlay.ts';
const BUILD = 'lib/reconcile/scan/build.ts';
const BATCH = 'lib/reconcile/verdict/batch.ts';
const ASK = 'lib/reconcile/verdict/ask.ts';
const JUDGE = 'lib/reconcile/verdict/judge.ts';
const ROUND = 'lib/reconcile/verdict/round.ts';
const COUNTS = 'lib/reconcile/check/counts.ts';
const BRAKE = 'lib/reconcile/repair/brake.ts';
const REPAIRS = 'lib/reconcile/check/phase-repair.ts';
const REPORT = 'lib/replicate/apply/report.ts';
const SIDES = 'lib/replicate/apply/both-sides.ts';

/** A world with a checker, which only a few seeds have. */
const CHECKED: Partial<Knobs> = { checkMs: 1_800_000, tickMs: 60_000, paceMs: 1_000, keys: 8, steps: 60, faults: { 'hot-keys': 0.1 } };
const SILENT: Partial<Knobs> = { ...CHECKED, faults: { 'silent-corruption': 0.05, checks: 0.03 } };
const HAND: Partial<Knobs> = { ...CHECKED, faults: { drift: 0.1 } };
const LATE: Partial<Knobs> = { ...CHECKED, paceMs: 10_000, steps: 120, keys: 2, faults: { checks: 0.1, lag: 0.05, 'hot-keys': 0.5, 'slow-service': 0.05 } };

export const RECONCILE: readonly Mutant[] = [
  {
    name: 'drift-not-flagged',
    breaks: 'I7',
    about: 'The observer of a secondary flags no write by hand: nobody knows of it until the next sweep.',
    edits: [{ file: DRIFT, find: "record.at > sinceMs && record.origin === 'local' && record.newImage !== undefined;", replace: 'record.at < 0;' }],
    knobs: HAND,
  },
  {
    name: 'drift-judged-without-tombstone',
    breaks: 'I7',
    about: 'Every removal at a secondary is drift, those of appliers too: each is repaired, and listed as lost.',
    edits: [
      { file: DRIFT, find: '  if (tombstone === undefined) return false;\n', replace: '  if (tombstone !== undefined || grave === undefined) return false;\n' },
    ],
    knobs: CHECKED,
  },
  {
    name: 'drift-by-any-tombstone',
    breaks: 'I7',
    about: 'A removal by hand counts as an applier’s when the key has any tombstone, be it older than the item.',
    edits: [{ file: DRIFT, find: 'comparePositions(tombstone.seal.position, had) >= 0;', replace: 'comparePositions(tombstone.seal.position, had) <= 1;' }],
    knobs: HAND,
  },
  {
    name: 'drift-before-its-role',
    breaks: 'I7',
    about: 'What a member wrote while it was primary is called drift when it is a secondary: `since` is not looked at.',
    edits: [{ file: DRIFT, find: 'deposed?.own === seat.own ? Math.max(seat.since, deposed.at + CLOCK_OFFSET_MAX_MS) : undefined;', replace: '0;' }],
    knobs: { ...CHECKED, faults: { 'role-change': 0.03 } },
  },
  {
    name: 'orphan-without-a-row',
    breaks: 'I6',
    about: 'What was written by hand is flagged and overwritten, and no row says where the value is.',
    edits: [{ file: ORPHANS, find: '  if (flagged.length === 0) return;', replace: '  if (flagged.length >= 0) return;' }],
    knobs: HAND,
  },
  {
    name: 'drift-heard-and-forgotten',
    breaks: 'I1',
    about: 'The primary hears of drift, counts it, and sends no resync: the copy stays as somebody made it until a sweep.',
    edits: [{ file: PULL, find: '      due.map(({ key }) => ({ k: key })),\n', replace: '      due.slice(due.length).map(({ key }) => ({ k: key })),\n' }],
    knobs: HAND,
  },
  {
    name: 'fold-forgets-the-old-image',
    breaks: 'I7',
    about: 'A change adds its new image to the digest and leaves the old one in it.',
    edits: [
      {
        file: DIGEST,
        find: '  if (entry.oldHash !== undefined) digest.remove(',
        replace: '  if (entry.oldHash !== undefined && entry.itemHash === undefined) digest.remove(',
      },
    ],
    knobs: CHECKED,
  },
  {
    name: 'fold-forgets-the-new-image',
    breaks: 'I7',
    about: 'An item that is new is not added to the digest.',
    edits: [
      {
        file: DIGEST,
        find: '  if (entry.itemHash !== undefined) digest.add(',
        replace: '  if (entry.itemHash !== undefined && entry.oldHash !== undefined) digest.add(',
      },
    ],
    knobs: CHECKED,
  },
  {
    name: 'hot-keys-not-subtracted',
    breaks: 'I7',
    about: 'Keys in motion stay in the digests: a link with a change on the way is never verified.',
    edits: [
      {
        file: COMPARE,
        find: '    if (here !== undefined) own.remove({ keyHash, ...here });\n',
        replace: '    if (here !== undefined) own.add({ keyHash, ...here });\n',
      },
    ],
    knobs: CHECKED,
  },
  {
    name: 'base-without-the-log',
    breaks: 'I7',
    about: 'A base is what the scan has read, whatever was written meanwhile: a change before its page was read counts twice in the fold.',
    edits: [{ file: OVERLAY, find: 'if (entry.at < of.fromMs && !keys.has(key)) continue;', replace: 'if (entry.at < of.fromMs + 86_400_000) continue;' }],
    knobs: { ...CHECKED, paceMs: 10_000, faults: { snapshot: 0.02 } },
  },
  {
    name: 'base-from-the-wrong-watermark',
    breaks: 'I7',
    about: 'A base says that its log begins where it ends: what was written during the scan is folded onto it a second time, or left out.',
    edits: [{ file: BUILD, find: '  const fromMs = startedMs - REPLAY_BEFORE_MS;', replace: '  const fromMs = endedMs + 3_600_000;' }],
    knobs: { ...CHECKED, paceMs: 10_000, faults: { 'slow-service': 0.1 } },
  },
  {
    name: 'verdict-without-passed',
    breaks: 'I7',
    about: 'The question goes down the lane at once, before what was written earlier is in it.',
    edits: [
      {
        file: ASK,
        find: "const behind = behindOf(readers.rows, readers.shards, 'sent', t, readers.now);",
        replace: "const behind = ((): ReturnType<typeof behindOf> => 'hard')();",
      },
    ],
    knobs: LATE,
  },
  {
    name: 'verdict-blind-to-motion',
    breaks: 'I7',
    about: 'A key that is written between the question and its answer is judged all the same, and at one look.',
    edits: [
      { file: JUDGE, find: '  if (moved) return', replace: '  if (moved && facts.t < 0) return' },
      {
        file: ROUND,
        find: '    return { key: { ...key, candidate: { ...(said.s !== undefined && { s: said.s }), ...(said.t !== undefined && { t: said.t }) } } };',
        replace:
          "    return { outcome: { verdict: 'divergent', kind: 'changed', at: said.at, ...(said.s !== undefined && { sourceHash: said.s }), ...(said.t !== undefined && { targetHash: said.t }) } };",
      },
    ],
    knobs: LATE,
  },
  {
    name: 'verdict-forgets-a-key',
    breaks: 'I7',
    about: 'A key that is carried over to the next round is left out of it, and counts as nothing.',
    edits: [
      {
        file: BATCH,
        find: "  if (batch.keys.every(({ outcome }) => outcome !== undefined)) return { format, check, n, passesMax, phase: 'done', round, asked: [], keys: batch.keys };",
        replace:
          "  const kept = batch.keys.filter(({ outcome, candidate }) => outcome !== undefined || candidate === undefined || round < 1);\n  if (kept.every(({ outcome }) => outcome !== undefined)) return { format, check, n, passesMax, phase: 'done', round, asked: [], keys: kept };",
      },
    ],
    knobs: SILENT,
  },
  {
    name: 'report-of-what-was-read-before',
    breaks: 'I7',
    about: 'A sandbox answers with what it once read of the source.',
    edits: [
      {
        file: REPORT,
        find: '  const read = await readBothSides(pass, message.keys);\n',
        replace:
          '  const kept: Map<string, any> = ((pass.sandbox as any).said ??= new Map());\n  const read = (await readBothSides(pass, message.keys)).map((both) => {\n    const source = kept.has(both.keyText) ? kept.get(both.keyText) : both.source;\n    kept.set(both.keyText, source);\n    return { ...both, source };\n  });\n',
      },
    ],
    knobs: LATE,
  },
  {
    name: 'report-equal-without-a-look',
    breaks: 'I7',
    about: 'An answer says that both sides are equal wherever both have an item.',
    edits: [{ file: REPORT, find: 's.equals(t) && !hidden,', replace: 's.length === t.length && !hidden,' }],
    knobs: SILENT,
  },
  {
    name: 'check-says-equal',
    breaks: 'I7',
    about: 'What a verdict finds divergent is counted as verified.',
    edits: [
      {
        file: COUNTS,
        find: 'grow({ divergent: next.divergent + 1, [one.kind]: next[one.kind] + 1 });',
        replace: 'grow({ verified: next.verified + 1 });',
      },
    ],
    knobs: SILENT,
  },
  {
    name: 'divergent-counted-twice',
    breaks: 'I7',
    about: 'A divergent key is counted as verified, too: the sums do not add up.',
    edits: [
      { file: COUNTS, find: "  assert(verified + divergent + unverified === keys, 'a link whose keys are not all counted once', counts);\n", replace: '' },
      {
        file: COUNTS,
        find: 'grow({ divergent: next.divergent + 1, [one.kind]: next[one.kind] + 1 });',
        replace: 'grow({ divergent: next.divergent + 1, verified: next.verified + 1, [one.kind]: next[one.kind] + 1 });',
      },
    ],
    knobs: SILENT,
  },
  {
    name: 'found-and-not-repaired',
    breaks: 'I1',
    about: 'A check that shall repair what it has found sends nothing, and is done.',
    edits: [
      {
        file: REPAIRS,
        find: 'const due = findings.filter(isToMend).map(divergenceOf);',
        replace: 'const due = findings.slice(findings.length).map(divergenceOf);',
      },
    ],
    knobs: SILENT,
  },
  {
    name: 'deletes-not-braked',
    breaks: 'I7',
    about: 'A check deletes any number of items that only a target has: a source that was made anew empties its replicas.',
    edits: [{ file: BRAKE, find: 'isBraked(deletionsOf(job, link), link.keys)', replace: 'isBraked(deletionsOf(job, link), Number.MAX_SAFE_INTEGER)' }],
    knobs: { steps: 1 },
  },
  {
    name: 'source-read-before-the-target',
    breaks: 'I7',
    about: 'A question reads nothing of the target but what the last one found: a copy that was repaired still counts as wrong.',
    edits: [
      {
        file: SIDES,
        find: '  const targets = await readTargets(pass, wanted, true);\n',
        replace:
          '  const old: Map<string, any> = ((pass.sandbox as any).looked ??= new Map());\n  const targets = new Map([...(await readTargets(pass, wanted, true))].map(([text, state]) => [text, old.get(text) ?? (old.set(text, state), state)] as const));\n',
      },
    ],
    knobs: SILENT,
  },
];
