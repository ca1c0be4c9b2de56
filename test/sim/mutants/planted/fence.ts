import type { Mutant } from '../mutant.ts';

/** Bugs in the fence: which epoch may write at a target, and from when. */
const FENCE_RULE = 'lib/replicate/apply/fence.ts';
const PASS = 'lib/replicate/apply/pass.ts';
const OPEN_WAIT = 'export const OPEN_WAIT_MS = REQUEST_EFFECT_MAX_MS + FENCE_AGE_MAX_MS + REQUEST_EFFECT_MAX_MS;';
const MOVED = 'if (this.seat.fence !== epoch) throw new FenceMovedError(epoch, this.seat.fence);';

export const FENCE: readonly Mutant[] = [
  {
    name: 'fence-not-read',
    breaks: 'I5',
    about: 'Apply writes whatever the fence says: an old epoch goes on writing at a member that has left it.',
    edits: [
      { file: FENCE_RULE, find: "if (epoch < seat.fence) return { kind: 'older' };", replace: "if (epoch < seat.fence) return { kind: 'go' };" },
      { file: PASS, find: MOVED, replace: '' },
    ],
  },
  {
    name: 'fence-read-once-a-pass',
    breaks: 'rule 12',
    about: 'The fence is read once for an invocation, not again when that is older than W.',
    edits: [{ file: PASS, find: 'this.#seatAt < FENCE_AGE_MAX_MS;', replace: 'this.#seatAt < 30_000;' }],
  },
  {
    name: 'fence-age-from-answer',
    breaks: 'rule 12',
    about: "The age of the view of the fence counts from the answer, not from the read's issue.",
    edits: [{ file: PASS, find: 'this.#seatAt = issuedAt;', replace: 'this.#seatAt = this.runtime.clock.elapsed();' }],
  },
  {
    name: 'fence-not-raised',
    breaks: 'rule 14',
    about: 'A message of a newer epoch than the fence is applied without raising it, while appliers of the old epoch write as well.',
    edits: [
      { file: FENCE_RULE, find: "if (epoch > seat.fence) return { kind: 'newer' };", replace: "if (epoch > seat.fence) return { kind: 'go' };" },
      { file: PASS, find: MOVED, replace: 'if (this.seat.fence > epoch) throw new FenceMovedError(epoch, this.seat.fence);' },
    ],
  },
  {
    name: 'fence-lowered-by-late-raise',
    breaks: 'I5',
    about: 'A raise is unconditional: a late one of an older epoch takes the fence back.',
    edits: [{ file: FENCE_RULE, find: "{ op: '<', path: ['fence'], value: numberValue(epoch) },", replace: 'undefined,' }],
  },
  {
    name: 'open-waited-for-by-one-lane',
    breaks: 'rule 14',
    about: 'Only the lane that raised the fence waits for `open`; the others write at once.',
    edits: [
      {
        file: FENCE_RULE,
        find: "return nowMs < seat.open.at ? { kind: 'wait', ms: seat.open.at - nowMs } : { kind: 'go' };",
        replace: "return { kind: 'go' };",
      },
    ],
  },
  {
    name: 'open-of-another-region',
    breaks: 'rule 14',
    about: '`open` is believed whosever clock set it: where that one is behind, writes of the new epoch begin too early.',
    edits: [{ file: FENCE_RULE, find: 'if (seat.open === undefined || seat.open.region !== region) return', replace: 'if (seat.open === undefined) return' }],
  },
  {
    name: 'open-without-W',
    breaks: 'rule 14',
    knobs: { members: 3, faults: { 'role-change': 0.05, 'late-effect': 0.1, 'slow-service': 0.1 } },
    about: 'The wait after a raise forgets W: an applier that read the old fence just before may still issue writes.',
    edits: [{ file: FENCE_RULE, find: OPEN_WAIT, replace: 'export const OPEN_WAIT_MS = REQUEST_EFFECT_MAX_MS + REQUEST_EFFECT_MAX_MS;' }],
  },
  {
    name: 'open-counted-from-the-send',
    breaks: 'rule 14',
    knobs: { members: 3, faults: { 'role-change': 0.05, 'late-effect': 0.1, 'slow-service': 0.1 } },
    about: 'The wait is counted as if the raise took effect when it was sent: a slow one leaves too little of it. So it was until the simulation found it.',
    edits: [{ file: FENCE_RULE, find: OPEN_WAIT, replace: 'export const OPEN_WAIT_MS = FENCE_AGE_MAX_MS + REQUEST_EFFECT_MAX_MS;' }],
  },
  {
    name: 'open-without-R',
    breaks: 'rule 14',
    about: 'The wait after a raise forgets R: what was issued under the old fence may still land.',
    edits: [{ file: FENCE_RULE, find: OPEN_WAIT, replace: 'export const OPEN_WAIT_MS = FENCE_AGE_MAX_MS;' }],
  },
  {
    name: 'older-epoch-waits-for-ever',
    breaks: 'I1',
    about: 'A message of an older epoch is given back instead of dropped: its lane never gets past it.',
    edits: [
      { file: FENCE_RULE, find: "if (epoch < seat.fence) return { kind: 'older' };", replace: "if (epoch < seat.fence) return { kind: 'wait', ms: 60_000 };" },
    ],
  },
];
