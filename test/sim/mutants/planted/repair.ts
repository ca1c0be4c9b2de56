import type { Mutant } from '../mutant.ts';

/** Bugs in resync, in dead letters, in refused keys and in what makes a link stale. */
const RESYNC = 'lib/replicate/apply/resync.ts';
const SIDES = 'lib/replicate/apply/both-sides.ts';
const SOURCE = 'lib/replicate/apply/source-view.ts';
const LETTERS = 'lib/reconcile/dead-letters.ts';
const MINUTE = 'lib/reconcile/minute.ts';

export const REPAIR: readonly Mutant[] = [
  {
    name: 'repair-position-too-high',
    breaks: 'rule 21',
    about: 'A repair takes a position above every change of its epoch: the real changes that follow are filtered.',
    edits: [
      {
        file: RESYNC,
        find: 'laterPosition(position(epoch, 0n), state.seal?.position)',
        replace: 'laterPosition(position(epoch, 10n ** 40n - 1n), state.seal?.position)',
      },
    ],
  },
  {
    name: 'repair-position-too-low',
    breaks: 'rule 21',
    about: "A repair forgets the target's own position: older changes of the epoch pass the guard again.",
    edits: [{ file: RESYNC, find: 'laterPosition(position(epoch, 0n), state.seal?.position)', replace: 'position(epoch, 0n)' }],
  },
  {
    name: 'repair-forgets-tombstone',
    breaks: 'rule 21',
    about: 'A repair of a deleted key forgets the position of its tombstone.',
    edits: [{ file: RESYNC, find: ', state.tombstone?.seal.position), known);', replace: ', undefined), known);' }],
  },
  {
    name: 'repair-delete-without-tombstone',
    breaks: 'rule 17',
    about: 'A repair that deletes leaves no tombstone: an older put of the lane brings the key back.',
    edits: [{ file: RESYNC, find: 'await fencedWrite(pass, epoch, (o) => target.put(tombstones, grave, undefined, o));', replace: 'void grave;' }],
  },
  {
    name: 'repair-of-what-was-read-before',
    breaks: 'I1',
    about: 'A sandbox keeps what it once read of the source: a later repair writes the old value, at a position that claims more.',
    edits: [
      {
        file: SIDES,
        find: 'const found = await getItems(pass, pass.ports.source, items, keys);',
        replace:
          'const kept: Map<string, Item | undefined> = ((pass.sandbox as any).kept ??= new Map());\n  const missing = keys.filter((key) => !kept.has(keyText(key, pass.link.key)));\n  const read = await getItems(pass, pass.ports.source, items, missing);\n  for (const key of missing) kept.set(keyText(key, pass.link.key), undefined);\n  for (const item of read) kept.set(keyText(item, pass.link.key), item);\n  const found = keys.map((key) => kept.get(keyText(key, pass.link.key))).filter((item) => item !== undefined);',
      },
    ],
  },
  {
    name: 'seal-not-mended',
    breaks: 'rule 1',
    about: 'A copy of equal content counts as equal although its seal does not count, or a later tombstone hides it.',
    edits: [
      {
        file: RESYNC,
        find: "return target.seal !== undefined && !hidden && sameItem(source, target.item) ? 'equal' : 'put';",
        replace: "return (hidden || !hidden) && sameItem(source, target.item) ? 'equal' : 'put';",
      },
    ],
  },
  {
    name: 'source-identity-not-checked',
    breaks: 'rule 22',
    about: 'A resync believes any table of the name: from one that came back empty it deletes everything.',
    edits: [{ file: SOURCE, find: 'if (tableId !== registered) throw', replace: 'if (tableId === undefined) throw' }],
  },
  {
    name: 'letter-deleted-before-resync-stored',
    breaks: 'rule 20',
    knobs: { paceMs: 1_000, tickMs: 15_000, faults: { poison: 0.1, 'failed-entries': 0.5, 'queue-refuses': 0.05 } },
    about: 'A dead letter is deleted before its resync is stored: when the send fails nothing is left of it.',
    edits: [
      {
        file: LETTERS,
        find: 'const { failed } = await sendToLanes(queue, link.queueUrl, sends,',
        replace: 'await remove(queue, link.dlqUrl, readable.map((r) => r.letter));\n    const { failed } = await sendToLanes(queue, link.queueUrl, sends,',
      },
    ],
  },
  {
    name: 'dead-letters-replayed',
    breaks: 'rule 20',
    about: 'The image in a dead letter is sent again instead of a resync: the target refuses it for ever, or a fence drops it.',
    edits: [
      {
        file: LETTERS,
        find: 'await sendToLanes(queue, link.queueUrl, sends,',
        replace: "await sendToLanes(queue, link.queueUrl, readable.map(({ letter }) => ({ lane: Number(letter.group.split('-').at(-1)), body: letter.body })),",
      },
    ],
  },
  {
    name: 'dead-letter-of-any-epoch-believed',
    breaks: 'rule 21',
    about: "A dead letter of an older epoch lends its sequence number to the present one: the repair's position is too high.",
    edits: [
      {
        file: LETTERS,
        find: 'return message.epoch === epoch ? { k, p: position(epoch, change.q)',
        replace: 'return message.epoch <= epoch ? { k, p: position(epoch, change.q)',
      },
    ],
  },
  {
    name: 'minute-run-at-any-member',
    breaks: 'rule 24',
    about: 'The minute run of a member that was deposed sends resyncs in the epoch of its fence: the new primary’s writes are undone by the old one’s.',
    edits: [
      {
        file: MINUTE,
        find: 'if (!isPrimary(seat)) return { primary: false, links: {} };',
        replace: 'if (seat.own === 0) return { primary: false, links: {} };',
      },
      { file: MINUTE, find: 'const epoch = seat.own;', replace: 'const epoch = seat.fence;' },
    ],
  },
  {
    name: 'refused-key-not-listed',
    breaks: 'rule 23',
    about: 'A key that the target refuses in a resync, too, is not listed: its dead letter is gone, and it stays different.',
    edits: [{ file: RESYNC, find: 'await noteRefused(pass, message.epoch, w, `${error.code}: ${error.message}`);', replace: 'void noteRefused;' }],
  },
  {
    name: 'refused-row-kept',
    breaks: 'rule 23',
    about: 'The row of a refused key stays when the key is equal again.',
    edits: [{ file: RESYNC, find: 'if (w.refused !== undefined) await removeRefused(pass, message.epoch, w.keyText);', replace: '' }],
  },
  {
    name: 'refused-key-never-retried',
    breaks: 'rule 23',
    about: 'A refused key is not tried again: it stays different after the target would take it.',
    edits: [{ file: MINUTE, find: 'now - r.tried >= REFUSED_RETRY_MS)', replace: 'now < r.tried)' }],
  },
  {
    name: 'stale-after-the-queue-dropped',
    breaks: 'rule 24',
    about: 'A link is declared stale after 20 days, when its queue has dropped changes for 6.',
    edits: [{ file: 'lib/core/constants.ts', find: 'export const LINK_STALE_AFTER_MS = 12 * DAY;', replace: 'export const LINK_STALE_AFTER_MS = 20 * DAY;' }],
  },
  {
    name: 'fanout-behind-not-noticed',
    breaks: 'rule 24',
    about: 'Nobody notices that fan-out is 20 h behind the observer: DynamoDB drops what it has not read, and the links stay open.',
    edits: [
      { file: MINUTE, find: 'if (loss === undefined) return undefined;', replace: 'if (loss === undefined || loss.shard !== undefined) return undefined;' },
    ],
  },
  {
    name: 'backlog-judged-by-seen-alone',
    breaks: 'rule 24',
    about: 'What fan-out has not sent is judged by the newest record that the observer has seen: while writes go on that one is always young.',
    edits: [{ file: 'lib/reconcile/behind.ts', find: 'const noted = unsent.filter((mark) => after(mark, sent));', replace: 'const noted: ShardMark[] = [];' }],
  },
];
