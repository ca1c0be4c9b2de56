import type { Mutant } from '../mutant.ts';

/** Bugs in what is sent, by whom, in which order, into which lane. */
const SEND = 'lib/replicate/send.ts';
const PLAN = 'lib/replicate/fanout-plan.ts';
const FANOUT_FLOW = 'lib/replicate/fanout.ts';

export const FANOUT: readonly Mutant[] = [
  {
    name: 'content-dedup',
    breaks: 'rule 7',
    about: 'The deduplication id is a hash of what the message holds: the second resync of a key within five minutes is dropped, and what it was for with it.',
    edits: [
      {
        file: SEND,
        find: "import { laneGroup } from '../core/lanes.ts';",
        replace:
          "import { laneGroup } from '../core/lanes.ts';\nimport { sha256 } from '../core/canonical.ts';\nimport { decodeMessage } from '../core/formats/message.ts';",
      },
      {
        file: SEND,
        find: 'dedup: `${attempt}-${index}` };',
        replace: "dedup: sha256(JSON.stringify({ ...decodeMessage(send.body), sent: 0 })).toString('hex') };",
      },
    ],
  },
  {
    name: 'one-dedup-id-an-attempt',
    breaks: 'rule 7',
    about: 'All messages of an attempt share one deduplication id: of several in one lane the queue keeps the first.',
    edits: [{ file: SEND, find: 'dedup: `${attempt}-${index}` };', replace: 'dedup: attempt };' }],
  },
  {
    name: 'two-of-a-lane-in-a-call',
    breaks: 'rule 6',
    about: 'A call carries two messages of a lane: the second may be stored when the first is not, so the lane holds a newer change before an older one.',
    edits: [{ file: SEND, find: 'round.push(list.shift() as number);', replace: 'round.push(...list.splice(0, 2));' }],
  },
  {
    name: 'lane-goes-on-after-failed-send',
    breaks: 'rule 6',
    about: "A lane's next message is sent although its previous one was not stored, or got no answer.",
    edits: [{ file: SEND, find: 'for (const lane of failed.keys()) waiting.delete(lane);', replace: '' }],
  },
  {
    name: 'failed-entry-counted-as-stored',
    breaks: 'rule 8',
    about: 'An entry that the queue refused within a call that succeeded is taken for stored: its changes are lost.',
    edits: [
      {
        file: SEND,
        find: "else failed.set((sends[index] as LaneSend).lane, new RemoteError('transient', why.code, why.message));",
        replace: 'else stored.add(index);',
      },
    ],
  },
  {
    name: 'seat-read-once-a-sandbox',
    breaks: 'rule 5',
    about: 'Fan-out reads its seat when its sandbox starts, not for each batch: after a change of role it goes on sending as what it was.',
    edits: [
      {
        file: FANOUT_FLOW,
        find: '() => readSelf(ports.table, member.tables.control)',
        replace:
          'async () => { const kept = ports.shards as any; if (kept.self?.seat === undefined) kept.self = await readSelf(ports.table, member.tables.control); return kept.self as Awaited<ReturnType<typeof readSelf>>; }',
      },
    ],
  },
  {
    name: 'since-ignored',
    breaks: 'rule 5',
    about: 'A record from before the present role goes as an image: after A → B → A the old backlog of A beats the writes of B.',
    edits: [{ file: PLAN, find: " && record.createdMs > seat.since ? 'image'", replace: " ? 'image'" }],
  },
  {
    name: 'stream-not-checked',
    breaks: 'rule 5',
    about: "Records of a replaced stream go as images of the seat's epoch: its numbers are in no order with those of the stream that the epoch counts in.",
    edits: [{ file: PLAN, find: 'whole && record.streamArn === seat.stream && ', replace: 'whole && ' }],
  },
  {
    name: 'epoch-not-owned',
    breaks: 'rule 5',
    about: 'A member that was deposed goes on sending, in the epoch of its fence, which is the new primary’s.',
    edits: [
      { file: PLAN, find: "if (!isPrimary(seat)) return 'nothing';", replace: "if (seat.own === 0) return 'nothing';" },
      { file: PLAN, find: 'epoch: at.seat.own,', replace: 'epoch: at.seat.fence,' },
      { file: FANOUT_FLOW, find: 'if (isPrimary(seat) && plan.sends.length > 0) {', replace: 'if (plan.sends.length > 0) {' },
    ],
  },
  {
    name: 'secondary-sends',
    breaks: 'I9',
    about: 'Every member sends what its stream shows, so that what an applier wrote goes out again.',
    edits: [
      { file: PLAN, find: "if (!isPrimary(seat)) return 'nothing';", replace: '' },
      { file: PLAN, find: 'epoch: at.seat.own,', replace: 'epoch: at.seat.fence,' },
      { file: FANOUT_FLOW, find: 'if (isPrimary(seat) && plan.sends.length > 0) {', replace: 'if (plan.sends.length > 0) {' },
    ],
  },
  {
    name: 'deletes-in-another-lane',
    breaks: 'rule 4',
    about: 'The lane of a removal is taken from another form of its key: puts and deletes of one key overtake each other.',
    edits: [
      {
        file: PLAN,
        find: 'const lane = laneOf(keyHash(keyText(record.keys, at.key)), at.lanes);',
        replace: "const lane = laneOf(keyHash(record.eventName === 'REMOVE' ? JSON.stringify(record.keys) : keyText(record.keys, at.key)), at.lanes);",
      },
    ],
  },
  {
    name: 'resync-in-another-lane',
    breaks: 'rule 4',
    about:
      "The minute run takes the lane from other bytes of the key's hash than fan-out does: a resync and the changes of its key are applied at the same time.",
    edits: [
      {
        file: PLAN,
        find: 'const lane = laneOf(keyHash(keyText(key.k, schema)), envelope.lanes);',
        replace: 'const lane = laneOf(keyHash(keyText(key.k, schema)).subarray(4), envelope.lanes);',
      },
    ],
  },
  {
    name: 'neighbour-resyncs-folded-too-far',
    breaks: 'I6',
    about: 'Folding the keys of a backlog compares their types only, so that a resync of another key is dropped.',
    edits: [
      {
        file: PLAN,
        find: 'if (last === undefined || JSON.stringify(last.k) !== JSON.stringify(key.k)) keys.push(key);',
        replace: 'if (last === undefined || Object.keys(last.k).join() !== Object.keys(key.k).join()) keys.push(key);',
      },
    ],
  },
  {
    name: 'swallows-one-failed-link',
    breaks: 'rule 8',
    about: 'Fan-out returns although the messages of one link are not stored, since those of another are.',
    edits: [{ file: FANOUT_FLOW, find: 'if (incomplete.size > 0) throw', replace: 'if (incomplete.size > 1) throw' }],
  },
  {
    name: 'sent-grows-before-stored',
    breaks: 'rule 8',
    about: "The shard's `sent` grows before the messages are stored, so that it vouches for what may be lost.",
    edits: [
      {
        file: FANOUT_FLOW,
        find: 'const staleLinks: string[] = [];',
        replace:
          "const staleLinks: string[] = [];\n  if (shard !== undefined) await retried(runtime, until, () => growMark(ports.table, member.tables.control, shard, 'sent', last.sequence, last.createdMs));",
      },
    ],
  },
  {
    name: 'shard-named-by-old-description',
    breaks: 'rule 8',
    about: 'A description of the stream is believed for a minute: after a split the marks of its children go to the parent, and cover what was not sent.',
    edits: [
      {
        file: 'lib/replicate/shards.ts',
        find: 'createdMs + SURELY_BEFORE_MS < this.#lookedAtMs;',
        replace: 'now - this.#at < DESCRIPTION_AGE_MAX_MS;',
      },
    ],
  },
  {
    name: 'stale-link-counted-complete',
    breaks: 'I6',
    about: 'A link whose messages are given up after 15 minutes of refusals stays open, as if it had everything.',
    edits: [{ file: FANOUT_FLOW, find: "state: stringValue('stale'),", replace: "state: stringValue('open')," }],
  },
  {
    name: 'refusing-queue-given-up-at-once',
    breaks: 'I6',
    about: "The second refusal of a link's queue counts as too long: the batch is skipped for that link, whose row says open.",
    edits: [
      { file: FANOUT_FLOW, find: 'if (now - since < SEND_REFUSED_BUDGET_MS) return false;', replace: 'if (now - since < SEND_REFUSED_BUDGET_MS) return true;' },
    ],
  },
  {
    name: 'expiry-sent',
    breaks: 'rule 10',
    about: "DynamoDB's own expiry is sent as a removal although each member expires its copies.",
    edits: [{ file: PLAN, find: "if (record.byTtl && expiry === 'local') return 'nothing';", replace: '' }],
  },
];
