import type { Mutant } from '../mutant.ts';

/** Bugs in snapshots, and in what is restored from them and the log. */
const FINISH = 'lib/archive/snapshot/finish.ts';
const FILES = 'lib/archive/snapshot/file-writer.ts';
const WINNERS = 'lib/archive/restore/winners.ts';
const CHAIN = 'lib/archive/log/chain.ts';
const UNTIL = 'lib/archive/log/until.ts';

export const ARCHIVE: readonly Mutant[] = [
  {
    name: 'snapshot-start-taken-at-its-end',
    breaks: 'I8',
    about: 'A snapshot says that it began when it ended: what was written after its early pages were read is in neither.',
    edits: [{ file: FINISH, find: '    startedMs: job.started,', replace: '    startedMs: job.ended as number,' }],
  },
  {
    name: 'snapshot-serves-from-its-start',
    breaks: 'I8',
    about: 'A snapshot serves times at which it was still being taken: its late pages hold what was written after them.',
    edits: [{ file: FINISH, find: '    endedMs: job.ended as number,', replace: '    endedMs: job.started,' }],
  },
  {
    name: 'snapshot-loses-a-page',
    breaks: 'I8',
    about: 'A run that ends before the last page saves how far it has read, and not what it has read.',
    edits: [
      {
        file: FILES,
        find: '        if (lines.length > 0 || done) await store(after, done);',
        replace: '        const read = lines.length > 0;\n        lines = [];\n        if (read || done) await store(after, done);',
      },
    ],
  },
  {
    name: 'restore-ignores-t-within-a-segment',
    breaks: 'I8',
    about: 'Every record of a segment counts that holds one up to T.',
    edits: [{ file: WINNERS, find: '    if (at > plan.atMs) ', replace: '    if (at > plan.atMs + 86_400_000) ' }],
  },
  {
    name: 'winner-is-the-first',
    breaks: 'I8',
    about: 'A key is restored to its first record up to T, not to its last.',
    edits: [
      { file: WINNERS, find: '    else winners.set(slot, segment, ordinal,', replace: '    else if ((flags & WON) === 0) winners.set(slot, segment, ordinal,' },
    ],
  },
  {
    name: 'removal-in-the-log-ignored',
    breaks: 'I8',
    about: 'A key that the log removes comes back from the snapshot.',
    edits: [
      {
        file: WINNERS,
        find: '  return slot >= 0 && (winners.flags(slot) & WON) !== 0;',
        replace: '  return slot >= 0 && (winners.flags(slot) & (WON | GONE)) === WON;',
      },
    ],
  },
  {
    name: 'snapshot-over-the-log',
    breaks: 'I8',
    about: "The snapshot's item is restored beside what the log says of its key.",
    edits: [{ file: WINNERS, find: '  return slot >= 0 && (winners.flags(slot) & WON) !== 0;', replace: '  return slot < -1;' }],
  },
  {
    name: 'doubt-is-no-finding',
    breaks: 'I8',
    about: 'A restore goes over a hole that the log reports.',
    edits: [{ file: CHAIN, find: 'if (head.doubt !== undefined) this.#report(', replace: "if (head.doubt === ('none' as string)) this.#report(" }],
  },
  {
    name: 'archived-until-ignores-sent',
    breaks: 'I8',
    about: 'Whatever fan-out has moved and the observer has not archived counts as archived.',
    edits: [{ file: UNTIL, find: '  else if (isBehind(seen, sent)) limit(', replace: '  else if (isBehind(seen, sent) && nowMs < 0) limit(' }],
  },
];
