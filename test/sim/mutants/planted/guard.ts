import type { Edit, Mutant } from '../mutant.ts';

/** Bugs in the guard: what a key's position is, which positions count, and how two of them are compared. */
const GUARD_RULE = 'lib/core/guard.ts';
const SEAL = 'lib/core/formats/seal.ts';
const CHANGES = 'lib/replicate/apply/changes.ts';
const CONDITIONAL = 'lib/replicate/apply/conditional.ts';
const GUARD_READ = 'lib/replicate/apply/guard-read.ts';
const DECISION = "return at === undefined || comparePositions(at, change) < 0 ? 'apply' : 'superseded';";

/**
 * Remembers every seal that is made, and believes each that was made for the same table, or the same key. So the bytes stay
 * as they are: were the key check itself computed otherwise, the judges would see a format that they do not know, and
 * catch the bug for that.
 */
const believeAll = (same: 'tableId' | 'key'): readonly Edit[] => [
  { file: SEAL, find: 'const NO_CONTENT = Buffer.alloc(8);', replace: 'const NO_CONTENT = Buffer.alloc(8);\nconst MADE = new Set<string>();' },
  {
    file: SEAL,
    find: 'keyCheck(tableId, key, position, kind).copy(bytes, CHECK_AT, 0, 6);',
    replace: `keyCheck(tableId, key, position, kind).copy(bytes, CHECK_AT, 0, 6);\n  MADE.add(\`\${${same}} \${bytes.toString('hex', 0, CONTENT_AT)}\`);`,
  },
  {
    file: SEAL,
    find: 'if (check.compare(all, CHECK_AT, CONTENT_AT, 0, 6) !== 0) return undefined;',
    replace: `if (check.compare(all, CHECK_AT, CONTENT_AT, 0, 6) !== 0 && !MADE.has(\`\${${same}} \${all.toString('hex', 0, CONTENT_AT)}\`)) return undefined;`,
  },
];

export const GUARD: readonly Mutant[] = [
  {
    name: 'no-guard',
    breaks: 'rule 15',
    about: 'Every change is applied: a duplicate of an older one undoes a newer one.',
    edits: [{ file: GUARD_RULE, find: DECISION, replace: "return 'apply';" }],
  },
  {
    name: 'guard-by-receive-count',
    breaks: 'rule 15',
    about: 'Only redelivered messages are guarded: what fan-out sent twice is received for the first time twice.',
    edits: [
      {
        file: CHANGES,
        find: "if (guard(op.position, keyState(state)) === 'apply' ||",
        replace: "if (op.lane.messages.every((m) => m.receiveCount === 1) || guard(op.position, keyState(state)) === 'apply' ||",
      },
      {
        file: CONDITIONAL,
        find: "if (guard(op.position, keyState(state)) === 'superseded' &&",
        replace: "if (op.lane.messages.some((m) => m.receiveCount > 1) && guard(op.position, keyState(state)) === 'superseded' &&",
      },
    ],
  },
  {
    name: 'guard-lets-equal-pass',
    breaks: 'rule 15',
    about: 'A change is applied where the key is at its very position: a duplicate writes again, over a repair that already held more.',
    edits: [{ file: GUARD_RULE, find: 'comparePositions(at, change) < 0', replace: 'comparePositions(at, change) <= 0' }],
  },
  {
    name: 'guard-reversed',
    breaks: 'rule 15',
    about: 'The two sides of the comparison are swapped: newer changes are filtered, older ones applied.',
    edits: [{ file: GUARD_RULE, find: 'comparePositions(at, change) < 0', replace: 'comparePositions(change, at) < 0' }],
  },
  {
    name: 'guard-ignores-epoch',
    breaks: 'rule 15',
    about: 'Positions are compared by their sequence numbers only: a new epoch whose stream counts from lower is filtered.',
    edits: [{ file: GUARD_RULE, find: 'comparePositions(at, change) < 0', replace: 'comparePositions(at.subarray(5), change.subarray(5)) < 0' }],
  },
  {
    name: 'item-judged-by-tombstone',
    breaks: 'rule 17',
    about: 'An item that is older than its tombstone is judged by the tombstone: a delete that stopped halfway is never finished.',
    edits: [
      {
        file: GUARD_RULE,
        find: 'state.item ?? state.tombstone;',
        replace:
          'state.item !== undefined && state.tombstone !== undefined && comparePositions(state.item, state.tombstone) < 0 ? state.tombstone : (state.item ?? state.tombstone);',
      },
    ],
  },
  {
    name: 'tombstone-before-item',
    breaks: 'rule 15',
    about: 'A key that was deleted once is judged by that old tombstone although an item stands there again: older changes of it pass.',
    edits: [{ file: GUARD_RULE, find: 'state.item ?? state.tombstone;', replace: 'state.tombstone ?? state.item;' }],
  },
  {
    name: 'tombstones-ignored',
    breaks: 'I3',
    about: 'A key without an item has no position: an older put brings it back.',
    edits: [{ file: GUARD_RULE, find: 'state.item ?? state.tombstone;', replace: 'state.item;' }],
  },
  {
    name: 'tombstone-not-read-under-drift',
    breaks: 'rule 1',
    about: 'Of many keys the tombstone is read only where there is no item: one whose position does not count is then judged by nothing.',
    edits: [
      {
        file: GUARD_READ,
        find: 'return whole || item === undefined || verifySeal(metaOf(item).seal, tableId(), w.keyText) === undefined;',
        replace: 'return whole || item === undefined;',
      },
    ],
  },
  {
    name: 'short-tombstones',
    breaks: 'I3',
    about: 'Tombstones live for an hour, which is shorter than a stream keeps an older put that may come again.',
    edits: [{ file: 'lib/core/constants.ts', find: 'export const TOMBSTONE_LIFE_MS = 30 * DAY;', replace: 'export const TOMBSTONE_LIFE_MS = 1 * HOUR;' }],
  },
  {
    name: 'no-key-check',
    breaks: 'rule 1',
    about: 'A position is believed whether or not its key check verifies: one that a user carried in filters real changes.',
    edits: [{ file: SEAL, find: 'if (check.compare(all, CHECK_AT, CONTENT_AT, 0, 6) !== 0) return undefined;', replace: '' }],
  },
  {
    name: 'key-check-without-key',
    breaks: 'rule 1',
    about: 'Any seal that was made for the table is believed, whatever key it is of: an item that was copied to another key brings its position along.',
    edits: believeAll('tableId'),
  },
  {
    name: 'key-check-without-table',
    breaks: 'rule 1',
    about: 'Any seal that was made for the key is believed, whatever table it is of: an item that was copied from another member brings its position along.',
    edits: believeAll('key'),
  },
  {
    name: 'half-done-delete-left',
    breaks: 'rule 17',
    about: 'A delete that stopped after its tombstone is not finished over an item whose position does not count.',
    edits: [
      {
        file: CONDITIONAL,
        find: 'return isDelete(op.change) && state.item !== undefined && state.seal === undefined &&',
        replace: 'return false && state.seal === undefined &&',
      },
    ],
  },
  {
    name: 'unprocessed-key-is-absent',
    breaks: 'rule 15',
    about: 'Keys that a read left unprocessed are taken for keys that are not there: the guard lets everything pass, a resync deletes.',
    edits: [{ file: 'lib/replicate/apply/batch-read.ts', find: 'return keys.length === 0 ? [] : [{ ...read, keys }];', replace: 'return [];' }],
  },
];
