import type { Mutant } from '../mutant.ts';

/** Bugs in how apply writes: order of a delete, what is left in flight, what is retried, deadlines. */
const APPLY = 'lib/replicate/apply/apply.ts';
const BULK = 'lib/replicate/apply/bulk.ts';
const CONDITIONAL = 'lib/replicate/apply/conditional.ts';
const PASS = 'lib/replicate/apply/pass.ts';
const REQUESTS = 'lib/replicate/apply/requests.ts';

const BURY = 'await fencedWrite(pass, epoch, (o) => target.put(tombstones, tombstoneOf(op, tableId, pass.runtime.clock.now()), undefined, o));';
const CONDITIONAL_DELETE = 'const answer = await fencedWrite(pass, epoch, (o) => target.delete(items, op.key, condition, o));\n';
const CONDITIONAL_PUT = 'const answer = await fencedWrite(pass, epoch, (o) => target.put(items, copy, condition, o));\n';

export const WRITE: readonly Mutant[] = [
  {
    name: 'returns-with-request-in-flight',
    breaks: 'rule 13',
    about: 'The pass does not wait for what got no answer: it takes effect after the next owner of the lane has written.',
    edits: [{ file: APPLY, find: 'await pass.settle();', replace: '' }],
  },
  {
    name: 'settles-half-of-R',
    breaks: 'rule 13',
    about: 'The pass waits half of R for what got no answer.',
    edits: [
      {
        file: PASS,
        find: 'issuedAt + REQUEST_EFFECT_MAX_MS * (1 + CLOCK_RATE_ERROR_MAX));',
        replace: 'issuedAt + (REQUEST_EFFECT_MAX_MS * (1 + CLOCK_RATE_ERROR_MAX)) / 2);',
      },
    ],
  },
  {
    name: 'bulk-write-not-held',
    breaks: 'rule 13',
    about: 'A bulk write without an answer is not held for; only conditional ones are.',
    edits: [{ file: BULK, find: "if (isRemote(error, 'unanswered')) pass.hold(issuedAt);", replace: '' }],
  },
  {
    name: 'conditional-write-not-held',
    breaks: 'rule 13',
    about: 'A conditional write without an answer is not held for: a put on the condition that nothing is there holds again once the key is deleted.',
    edits: [{ file: REQUESTS, find: "if (isRemote(error, 'unanswered')) pass.hold(options.issuedAt);", replace: '' }],
  },
  {
    name: 'first-failure-ends-the-wait',
    breaks: 'rule 13',
    knobs: { members: 3, faults: { throttling: 0.2, 'failed-entries': 0.4 } },
    about: 'Of requests made at the same time the first failure is thrown at once: the others outlive the handler.',
    edits: [
      {
        file: 'lib/replicate/together.ts',
        find: 'const outcomes = await Promise.allSettled(work);',
        replace: 'await Promise.all(work);\n  const outcomes = await Promise.allSettled(work);',
      },
    ],
  },
  {
    name: 'sdk-retries',
    breaks: 'rule 12',
    about: "The SDK's own retries are on: a write without an answer is sent again without asking for deadline and fence.",
    edits: [
      {
        file: 'lib/adapters/memory/call.ts',
        find: 'return await this.#carryOut(call, options, effect, begin);',
        replace:
          "return await this.#carryOut(call, options, effect, begin).catch((error: any) => {\n        if (options === undefined || error?.kind !== 'unanswered' || !['put', 'delete', 'update', 'batchWrite'].includes(call.op)) throw error;\n        return this.#call(about, undefined, effect, begin);\n      });",
      },
    ],
  },
  {
    name: 'bulk-repeats-unanswered',
    breaks: 'rule 13',
    about: 'A bulk write without an answer is repeated at once, and the lane goes on: the first one may land after what follows it.',
    edits: [
      {
        file: BULK,
        find: "const repeat = isRemote(error, 'throttled', 'transient')",
        replace: "const repeat = isRemote(error, 'throttled', 'transient', 'unanswered')",
      },
    ],
  },
  {
    name: 'conditional-repeats-unanswered',
    breaks: 'rule 13',
    about: 'A conditional write without an answer is repeated at once, and the lane goes on.',
    edits: [
      {
        file: REQUESTS,
        find: "const again = isRemote(error, 'throttled', 'transient')",
        replace: "const again = isRemote(error, 'throttled', 'transient', 'unanswered')",
      },
    ],
  },
  {
    name: 'deadline-ignored',
    breaks: 'rule 12',
    about: 'Writes are issued whatever the time is: after a freeze they land beside those of the next owner.',
    edits: [{ file: PASS, find: 'return this.runtime.clock.elapsed() >= this.notAfter;', replace: 'return false;' }],
  },
  {
    name: 'deadline-without-R-and-margin',
    breaks: 'rule 12',
    knobs: { batchMessages: 10, lanes: 1, faults: { 'slow-service': 0.95, 'stream-replaced': 0.02 } },
    about: 'Requests are issued until the very end of the invocation: they land after it was ended.',
    edits: [{ file: PASS, find: 'remainingMs) - REQUEST_EFFECT_MAX_MS - DEADLINE_MARGIN_MS;', replace: 'remainingMs);' }],
  },
  {
    name: 'delete-before-tombstone',
    breaks: 'rule 17',
    about: 'The item is deleted first and its tombstone written then: a crash in between leaves nothing that keeps an older put out.',
    edits: [
      {
        file: BULK,
        find: 'return { op, write: { table: tombstones, put }, bytes: DELETE_BYTES, next, attempts: 0 };',
        replace:
          'return { op, write: next ?? { table: tombstones, put }, bytes: DELETE_BYTES, next: next === undefined ? undefined : { table: tombstones, put }, attempts: 0 };',
      },
      { file: CONDITIONAL, find: `if (!buried) ${BURY}`, replace: BURY.replace('await ', 'const bury = () => ') },
      {
        file: CONDITIONAL,
        find: "if (state.item === undefined) return 'applied';",
        replace: "if (state.item === undefined) { await bury(); return 'applied'; }",
      },
      {
        file: CONDITIONAL,
        find: `${CONDITIONAL_DELETE}      if (answer.ok) return 'applied';`,
        replace: `${CONDITIONAL_DELETE}      if (answer.ok) { await bury(); return 'applied'; }`,
      },
    ],
  },
  {
    name: 'tombstone-beside-delete',
    breaks: 'rule 17',
    about: 'In bulk a tombstone and its delete go out at the same time: the delete may be done when the tombstone is not.',
    edits: [
      {
        file: BULK,
        find: 'pending.push(firstRequest(pass, op, state));',
        replace:
          'const first = firstRequest(pass, op, state);\n      pending.push({ ...first, next: undefined });\n      if (first.next !== undefined) pending.push({ ...first, write: first.next, next: undefined });',
      },
    ],
  },
  {
    name: 'tombstone-not-awaited',
    breaks: 'rule 17',
    about: 'For few keys the tombstone is sent and not waited for.',
    edits: [{ file: CONDITIONAL, find: `if (!buried) ${BURY}`, replace: `if (!buried) void ${BURY.slice('await '.length, -1)}.catch(() => undefined);` }],
  },
  {
    name: 'delete-without-tombstone',
    breaks: 'I3',
    about: 'For few keys a delete leaves no tombstone.',
    edits: [{ file: CONDITIONAL, find: `if (!buried) ${BURY}`, replace: '' }],
  },
  {
    name: 'failed-condition-counted-applied',
    breaks: 'I6',
    about: 'A conditional put whose condition did not hold counts as applied: the change is lost.',
    edits: [
      { file: CONDITIONAL, find: `${CONDITIONAL_PUT}      if (answer.ok) return 'applied';`, replace: `${CONDITIONAL_PUT}      if (answer) return 'applied';` },
    ],
  },
  {
    name: 'unprocessed-item-counted-applied',
    breaks: 'I6',
    about: 'An item that a bulk write left unprocessed counts as applied.',
    edits: [
      { file: BULK, find: 'const back = left.size === 0 ? [] : live.filter((r) => left.has(identity(r.write)));', replace: 'const back: Request[] = [];' },
      { file: BULK, find: 'assert(back.length === unprocessed.length,', replace: 'assert(back.length <= unprocessed.length,' },
    ],
  },
  {
    name: 'delete-overtakes-unprocessed-tombstone',
    breaks: 'rule 17',
    about: 'What a bulk write left unprocessed is sent again, but the delete does not wait for its tombstone.',
    edits: [{ file: BULK, find: 'if (back.includes(request)) continue;', replace: 'if (back.includes(request) && request.next === undefined) continue;' }],
  },
  {
    name: 'retry-drops-half',
    breaks: 'I6',
    about: 'Of the requests of a bulk write that are to be sent again the first half is forgotten.',
    edits: [{ file: BULK, find: 'for (const request of requests) {', replace: 'for (const request of requests.slice(requests.length >> 1)) {' }],
  },
  {
    name: 'halving-drops-second-half',
    breaks: 'rule 19',
    about: 'A call that was refused as invalid is halved, and the second half forgotten.',
    edits: [
      {
        file: BULK,
        find: 'await together([send(pack.slice(0, middle)), send(pack.slice(middle))]);',
        replace: 'await send(pack.slice(0, middle));',
      },
    ],
  },
  {
    name: 'retries-spent-without-failing-the-lane',
    breaks: 'rule 18',
    about: 'A request that was tried often enough is given up, but its lane is not.',
    edits: [
      {
        file: BULK,
        find: 'if (request.attempts + 1 >= ATTEMPTS_MAX || pass.outOfTime) pass.failFor(request.op.lane, error);',
        replace: 'if (request.attempts + 1 >= ATTEMPTS_MAX || pass.outOfTime) continue;',
      },
    ],
  },
];
