import type { Mutant } from '../mutant.ts';

/** Bugs in the log: what is stored, under which name, after what, and what is marked. */
const OBSERVE = 'lib/observe/observe.ts';
const STORE = 'lib/observe/store.ts';
const LINE = 'lib/observe/line.ts';
const DOUBT = 'lib/observe/doubt.ts';

export const LOG: readonly Mutant[] = [
  {
    name: 'seen-before-put',
    breaks: 'I8',
    about: 'The mark grows before the segment is stored: an observer that dies in between has left its records out of the log for ever.',
    edits: [
      {
        file: OBSERVE,
        find: '  const stored: EncodedSegment[] = [];\n',
        replace:
          "  const stored: EncodedSegment[] = [];\n  if (left.length > 0) await retried(runtime, until, () => growMark(ports.table, control, shard, 'seen', newest.sequence, newest.createdMs, line.tail?.previous));\n",
      },
    ],
  },
  {
    name: 'put-without-condition',
    breaks: 'I8',
    about: 'A segment is put whatever is there: another cut of the same records takes the place of one that its successor names.',
    edits: [{ file: STORE, find: "{ sha256, ifNoneMatch: '*' }", replace: '{ sha256 }' }],
  },
  {
    name: 'meets-itself-as-if-all',
    breaks: 'I8',
    about: 'A segment that is there already counts as the one that was to be stored, though an earlier attempt may have cut it shorter.',
    edits: [{ file: STORE, find: '  if (answer.ok) {', replace: '  if (answer !== undefined) {' }],
  },
  {
    name: 'predecessor-from-memory',
    breaks: 'I8',
    about: 'A sandbox goes on after the segment that it has stored last itself, though others have stored some since.',
    edits: [
      {
        file: OBSERVE,
        find: '  let tail = line.tail;\n',
        replace: '  const memory: Map<string, any> = ((ports.shards as any).memory ??= new Map());\n  let tail: any = memory.get(shard) ?? line.tail;\n',
      },
      { file: OBSERVE, find: '    tail = found.tail;\n', replace: '    tail = found.tail;\n    memory.set(shard, tail);\n' },
    ],
  },
  {
    name: 'archived-records-not-dropped',
    breaks: 'I8',
    about: 'Records that come again are archived again: the log has them twice.',
    edits: [{ file: OBSERVE, find: 'after(seen?.sequence, batch.records).map(', replace: 'after(undefined, batch.records).map(' }],
  },
  {
    name: 'predecessor-of-the-shard-only',
    breaks: 'I8',
    about: 'The first segment of a shard does not name the last one of its parent: the chain ends at every split.',
    edits: [{ file: LINE, find: 'await retried(runtime, until, () => place.shards.ancestors(place.stream, id))', replace: '[] as readonly string[]' }],
  },
  {
    name: 'doubt-never-set',
    breaks: 'I8',
    about: 'A segment never says that records may be missing before it: a hole looks like an idle table.',
    edits: [
      {
        file: DOUBT,
        find: '  if (tail === undefined && beganMs === undefined) return undefined;',
        replace: '  if (nowMs > 0) return undefined;',
      },
    ],
  },
];
