import type { TraceEvent, TraceHeader, TraceKind } from './trace.ts';

/** Tells the story of one key out of a trace: everything that happened to it, in order, as a table for people. Pure. */

/** A line of the story. */
export interface StoryLine {
  readonly t: number;
  readonly kind: TraceKind;
  /** A member, or a link. */
  readonly where: string;
  readonly lane: string;
  readonly message: string;
  readonly who: string;
  readonly text: string;
}

/** Events that are told when there is no key: the last ones before the violation. */
const EVENTS_TOLD = 60;
/** Lines of a longer story that are shown: its beginning and its end. */
const HEAD_LINES = 20;
const TAIL_LINES = 130;
/** That an invocation began is told only when it was later than this after it was given something, and that it answered only when it took longer (ms). */
const NOTABLE_MS = 1_000;
/** Keys of a message that are named beside the one whose story it is. */
const OTHERS_NAMED = 2;
/** Numbers this long are sequence numbers, unless they name a shard. */
const SEQUENCE = /(?<![-\d])\d{16,}\b/g;
const SHARD = /shardId-0*(\d+)/g;

/** Events that give every story its frame. */
const FRAME: ReadonlySet<TraceKind> = new Set(['phase', 'role', 'violation']);
/** Faults that say neither which key nor which message they touch; what comes of them is told by other events. */
const VAGUE: ReadonlySet<string> = new Set(['redelivery']);

/** Events of a key's story, by their place in the trace: what names the key, the way of each message that holds it, the invocations that had them, and the faults that touched those. */
export function storyOfKey(events: readonly TraceEvent[], key: string): readonly number[] {
  const messages = new Set<string>();
  for (const e of events) if (e.message !== undefined && e.keys?.includes(key)) messages.add(e.message);
  const told = new Set<number>();
  /** Invocations that are to be told, from their batch or receive to their end; the value says whether they have begun. */
  const invocations = new Set<string>();
  events.forEach((e, i) => {
    const own = FRAME.has(e.kind) || e.keys?.includes(key) === true || (e.message !== undefined && messages.has(e.message));
    // What the observer reads goes into the log, not to a replica.
    const observes = e.who?.includes('/observe') === true;
    if (own && !observes) told.add(i);
    if (e.who === undefined) return;
    if (own && (e.kind === 'receive' || e.kind === 'batch') && !observes) invocations.add(e.who);
    else if (invocations.has(e.who) && (e.kind === 'begin' || e.kind === 'call' || e.kind === 'end')) {
      told.add(i);
      if (e.kind === 'end') invocations.delete(e.who);
    }
  });
  events.forEach((e, i) => {
    if (e.kind === 'fault' && !told.has(i) && touches(events, i, told)) told.add(i);
    if (e.kind === 'operator' && e.keys === undefined) told.add(i);
  });
  return [...told].sort((a, b) => a - b);
}

/** Whether a fault that names no key is part of the story: by what comes right after it, or by the process that it names. */
function touches(events: readonly TraceEvent[], i: number, told: ReadonlySet<number>): boolean {
  const fault = events[i] as TraceEvent;
  if (fault.keys !== undefined && fault.keys.length > 0) return false;
  if (VAGUE.has(fault.who ?? '')) return false;
  // A fault of a request, a batch or a receive stands right before it, at the same time.
  for (let next = i + 1; events[next]?.t === fault.t; next += 1) {
    const kind = events[next]?.kind;
    if (kind === 'call' || kind === 'batch' || kind === 'receive') return told.has(next);
    if (kind !== 'fault') break;
  }
  const named = PROCESS.exec(fault.text)?.[0];
  if (named === undefined) return true;
  // A process is killed or frozen: only while it has something of the key.
  for (let before = i - 1; before >= 0; before -= 1) {
    const e = events[before] as TraceEvent;
    if (e.who !== named) continue;
    if (e.kind === 'begin' || e.kind === 'receive' || e.kind === 'batch') return told.has(before);
    if (e.kind === 'end') return false;
  }
  return false;
}
const PROCESS = /[a-z]\/[a-z]+(?:>[a-z])?#\d+/;

/** The whole story as lines, the key's or, without one, the last events. */
export function tellStory(header: TraceHeader, events: readonly TraceEvent[], key: string | undefined = header.violation?.key): readonly StoryLine[] {
  const chosen = key === undefined ? events.map((_, i) => i).slice(-EVENTS_TOLD) : storyOfKey(events, key);
  const told = new Set(chosen);
  const lines: StoryLine[] = [];
  /** When each process was last given something. */
  const given = new Map<string, number>();
  const idle = idleBatches(events);
  for (const i of chosen) {
    const e = events[i] as TraceEvent;
    if (idle.has(i)) continue;
    const since = given.get(e.who ?? '') ?? Number.NEGATIVE_INFINITY;
    if (e.who !== undefined && (e.kind === 'receive' || e.kind === 'batch' || e.kind === 'begin')) given.set(e.who, e.t);
    if ((e.kind === 'begin' || (e.kind === 'end' && e.text === 'answers')) && e.t - since < NOTABLE_MS) continue;
    // A fault and the request that it struck are one line: the request's, with the fault's name.
    const fault = events[i - 1];
    const struck = e.kind === 'call' && fault?.kind === 'fault' && told.has(i - 1) && fault.t === e.t ? fault.who : undefined;
    if (struck !== undefined && lines.at(-1)?.kind === 'fault') lines.pop();
    lines.push(lineOf(e, key, struck));
  }
  return lines;
}

/** Batches of a secondary that came to nothing, from their delivery to their answer: its stream shows what appliers wrote, which nobody wants to read. At a primary such a batch is worth a line. */
function idleBatches(events: readonly TraceEvent[]): ReadonlySet<number> {
  const idle = new Set<number>();
  const open = new Map<string, number[]>();
  let primary: string | undefined;
  events.forEach((e, i) => {
    if (e.kind === 'role' && e.text.startsWith('is primary')) primary = e.at;
    if (e.who === undefined) return;
    const batch = open.get(e.who);
    if (e.kind === 'batch') {
      if (e.at !== primary) open.set(e.who, [i]);
    } else if (e.kind === 'begin') batch?.push(i);
    else {
      if (batch !== undefined && e.kind === 'end' && e.text === 'answers') for (const n of [...batch, i]) idle.add(n);
      open.delete(e.who);
    }
  });
  return idle;
}

function lineOf(e: TraceEvent, key: string | undefined, struck: string | undefined): StoryLine {
  return {
    t: e.t,
    kind: struck === undefined ? e.kind : 'fault',
    where: e.link ?? e.at ?? '',
    lane: e.lane === undefined ? '' : String(e.lane),
    message: e.message ?? '',
    who: e.who ?? '',
    text: wording(e, key, struck),
  };
}

function wording(e: TraceEvent, key: string | undefined, struck: string | undefined): string {
  switch (e.kind) {
    case 'write':
      return e.text.startsWith('−') ? `removes ${e.text.slice(1)}` : `writes ${e.text}`;
    case 'state': {
      // The sequence number of the record that the target's own stream has of it: of no interest here.
      const [text = ''] = e.text.split('@');
      return text.startsWith('−') ? `removes ${text.slice(1)}` : `writes ${text}`;
    }
    case 'batch':
      return `reads ${e.text}`;
    case 'send':
      return `stores ${key === undefined ? e.text : shortened(e.text, key)}`;
    case 'dead':
      return `dead letter: ${e.text}`;
    case 'violation':
      return `✗ ${e.text}`;
    case 'phase':
      return `── ${e.text} ──`;
    case 'call':
      return struck === undefined ? e.text : `${struck}: ${e.text}`;
    default:
      return e.text;
  }
}

/** A message's text with the key's own changes, and few of the others. */
export function shortened(text: string, key: string): string {
  const at = text.indexOf(': ');
  if (at < 0) return text;
  const parts = text.slice(at + 2).split(' ');
  const own = parts.filter((p) => p.replace(/^−/, '').split(/[=@]/)[0] === key);
  const others = parts.filter((p) => !own.includes(p));
  const named = others.slice(0, OTHERS_NAMED);
  const rest = others.length - named.length;
  return `${text.slice(0, at)}: ${[...own, ...named].join(' ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

/** Virtual time as `1d 02:03:04.005`; without the day while it is the first. */
export function clockText(ms: number): string {
  const whole = Math.floor(ms);
  const pad = (n: number, width: number): string => String(n).padStart(width, '0');
  const days = Math.floor(whole / 86_400_000);
  const time = `${pad(Math.floor(whole / 3_600_000) % 24, 2)}:${pad(Math.floor(whole / 60_000) % 60, 2)}:${pad(Math.floor(whole / 1_000) % 60, 2)}.${pad(whole % 1_000, 3)}`;
  return days > 0 ? `${days}d ${time}` : time;
}

/** What a part of a line looks like. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan' | 'magenta';
export type Paint = (style: Style | readonly Style[], text: string) => string;

const LOOK: Readonly<Record<TraceKind, readonly Style[]>> = {
  write: ['bold'],
  batch: [],
  send: ['cyan'],
  receive: ['cyan'],
  state: ['green'],
  delete: ['dim'],
  dead: ['red'],
  begin: ['dim'],
  end: ['dim'],
  call: ['dim'],
  fault: ['yellow'],
  role: ['magenta'],
  operator: ['magenta'],
  phase: ['dim'],
  violation: ['red', 'bold'],
};

const GAP = '  ';
/** Texts are not wrapped to fewer characters than this. */
const WRAP_MIN = 40;

/** The story as a table. @param columns of the terminal; text is not wrapped without. */
export function renderStory(lines: readonly StoryLine[], paint: Paint, columns?: number): string {
  const shown = lines.length <= HEAD_LINES + TAIL_LINES ? lines : [...lines.slice(0, HEAD_LINES), ...lines.slice(-TAIL_LINES)];
  const short = shortener(shown.map((l) => l.text));
  const head = ['time', 'where', 'lane', 'message', 'who', ''];
  const rows = shown.map((l) => [clockText(l.t), l.where, l.lane, l.message, l.who, short.replace(l.text).replace(SHARD, 'shard $1')]);
  const widths = head.map((h, i) => Math.max(h.length, ...rows.map((r) => (r[i] ?? '').length)));
  const indent = widths.slice(0, -1).reduce((sum, w) => sum + w + GAP.length, 0);
  const room = columns === undefined ? Number.POSITIVE_INFINITY : Math.max(WRAP_MIN, columns - indent);
  const cells = (row: readonly string[]): string =>
    row
      .slice(0, -1)
      .map((text, i) => (i === 0 || i === 2 ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0)))
      .join(GAP);
  const out = [paint('dim', cells(head).trimEnd())];
  rows.forEach((row, i) => {
    if (i === HEAD_LINES && shown.length < lines.length) out.push(paint('dim', `${' '.repeat(indent)}… ${lines.length - shown.length} lines are left out`));
    const [first = '', ...more] = wrap(row.at(-1) ?? '', room);
    const look = LOOK[shown[i]?.kind ?? 'call'];
    const painted = (text: string): string => (look.length === 0 ? text : paint(look, text));
    out.push(`${paint('dim', cells(row))}${GAP}${painted(first)}`.trimEnd());
    for (const text of more) out.push(`${' '.repeat(indent)}${painted(text)}`);
  });
  if (short.prefix !== '') out.push(paint('dim', `Sequence numbers are shown without their first digits, ${short.prefix}.`));
  return out.join('\n');
}

/** Lines of at most `room` characters, broken between words; a longer word stays whole. */
function wrap(text: string, room: number): readonly string[] {
  if (text.length <= room) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** Sequence numbers have 21 digits or so, of which the first are the same: leaves those away. */
export function shortener(texts: readonly string[]): { readonly prefix: string; readonly replace: (text: string) => string } {
  const all = [...new Set(texts.flatMap((t) => t.match(SEQUENCE) ?? []))];
  const [first = ''] = all;
  let length = all.length < 2 || all.some((n) => n.length !== first.length) ? 0 : first.length - 1;
  while (length > 0 && !all.every((n) => n.startsWith(first.slice(0, length)))) length -= 1;
  // Zeros that follow belong to the shortest number that is left, not to the prefix, so that all keep one length.
  const prefix = first.slice(0, length);
  return { prefix, replace: (text) => (length === 0 ? text : text.replace(SEQUENCE, (n) => n.slice(length))) };
}
