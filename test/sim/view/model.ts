import type { TraceEvent, TraceHeader } from '../trace.ts';
import { buildBars } from './bars.ts';
import { type Intervals, intervals, lowerBound, pack } from './intervals.ts';
import { makeRows, originOf, type Row } from './rows.ts';
import type { Range } from './scale.ts';
import { endOf, type Role, roleOf } from './wording.ts';

/** What a trace looks like: rows of shapes, made once. Nothing here knows pixels or the page. */

/** A time, on both axes: virtual ms, and the place in the order (event i is at i + ½). */
export interface Place {
  readonly time: number;
  readonly order: number;
}

/** Something that is drawn: one event, or a message or an invocation with all of its events. */
export interface Shape {
  readonly form: 'mark' | 'message' | 'invocation' | 'span';
  /** Index of its row. */
  readonly row: number;
  readonly slot: number;
  /** The member that it comes from, for its colour. */
  readonly origin: string | undefined;
  readonly start: Place;
  readonly end: Place;
  /** Indexes of its events in order: the first is what it began with. Never empty. */
  readonly events: readonly number[];
  /**
   * How it ended. A message: `deleted`, `dead` (it went to the dead-letter queue), `open` (it was there at the end). An
   * invocation: `done`, `failed`, `killed`, `open`. Others: `done`.
   */
  readonly ending: 'done' | 'deleted' | 'dead' | 'failed' | 'killed' | 'open';
}

/** A shape without what its row gives it. */
type Draft = Omit<Shape, 'slot' | 'origin'>;

/** A stretch of a whole row, or of the whole picture: a phase, or a member's time in a role. */
export interface Region {
  readonly event: number;
  readonly start: Place;
  readonly end: Place;
  readonly text: string;
}

export interface Epoch extends Region {
  readonly member: string;
  readonly role: Role;
  /** From when another member is primary in a later epoch, whether this one knows it or not. */
  readonly superseded?: Place;
}

/** The shapes of one row, sorted by their start, with an index for each axis. */
export interface Track {
  readonly shapes: readonly number[];
  readonly time: Intervals;
  readonly order: Intervals;
}

export interface Model {
  readonly header: TraceHeader;
  readonly events: readonly TraceEvent[];
  readonly rows: readonly Row[];
  readonly shapes: readonly Shape[];
  /** For each row. */
  readonly tracks: readonly Track[];
  /** For each event, the index of the shape that shows it; −1 for one that is a region or a line only. */
  readonly shapeOf: Int32Array;
  readonly phases: readonly Region[];
  readonly epochs: readonly Epoch[];
  /** Indexes of the events that are violations. */
  readonly violations: readonly number[];
  readonly whole: { readonly time: Range; readonly order: Range };
}

/** Most slots of a row: more messages or invocations at a time than that share them. */
const SLOTS_MAX: Readonly<Record<Row['kind'], number>> = { faults: 3, member: 1, process: 4, link: 1, lane: 4 };

/** Builds the picture of a trace. Events must be in the order in which they happened. */
export function buildModel(header: TraceHeader, events: readonly TraceEvent[]): Model {
  const times = events.map((e) => e.t);
  const endMs = Math.max(header.endMs, times.at(-1) ?? 0, 1e-3);
  const end: Place = { time: endMs, order: events.length };
  const at = (event: number): Place => ({ time: times[event] ?? 0, order: event + 0.5 });
  /** A time that need not be an event's. */
  const when = (time: number): Place => (time >= endMs ? end : { time, order: lowerBound(times, time) });

  const { rows, rowOf } = makeRows(header, events);
  const bars = buildBars(events);
  const drafts: Draft[] = [];
  for (const { form, events: own, ending, ended } of bars) {
    const [first, last] = [own[0] as number, own[ended] as number];
    const row = rowOf(events[first] as TraceEvent);
    if (row >= 0) drafts.push({ form, row, start: at(first), end: ending === 'open' ? end : at(last), events: own, ending });
  }
  const phaseTimes = events.flatMap((e) => (e.kind === 'phase' ? [e.t] : []));
  /** What a fault's text says, but no later than its phase: when the world heals, all faults are over. */
  const faultEnd = (event: TraceEvent): number | undefined => {
    const until = endOf(event.text, event.t);
    const phase = phaseTimes[lowerBound(phaseTimes, event.t + 1e-6)];
    return until === undefined || phase === undefined ? until : Math.min(until, phase);
  };
  const inBar = new Set(bars.flatMap((b) => b.events));
  const phases: Region[] = [];
  events.forEach((event, i) => {
    if (event.kind === 'phase') phases.push({ event: i, start: at(i), end, text: event.text });
    if (inBar.has(i) || event.kind === 'phase' || event.kind === 'violation') return;
    const until = event.kind === 'fault' ? faultEnd(event) : undefined;
    const row = rowOf(event);
    if (row >= 0)
      drafts.push({
        form: until === undefined ? 'mark' : 'span',
        row,
        start: at(i),
        end: until === undefined ? at(i) : when(until),
        events: [i],
        ending: 'done',
      });
  });

  const { shapes, tracks, heights } = arrange(rows, drafts, events);
  const shapeOf = new Int32Array(events.length).fill(-1);
  shapes.forEach((shape, i) => {
    for (const event of shape.events) shapeOf[event] = i;
  });
  return {
    header,
    events,
    rows: rows.map((row, i) => ({ ...row, slots: heights[i] ?? 1 })),
    shapes,
    tracks,
    shapeOf,
    phases: phases.map((phase, i) => ({ ...phase, end: phases[i + 1]?.start ?? end })),
    epochs: epochsOf(header, events, at, end),
    violations: events.flatMap((e, i) => (e.kind === 'violation' ? [i] : [])),
    whole: { time: { from: Math.min(0, times[0] ?? 0), to: endMs }, order: { from: 0, to: Math.max(1, events.length) } },
  };
}

/** Gives each shape its slot: bars are packed, and a mark takes the slot of the bar of its own process. */
function arrange(rows: readonly Row[], drafts: readonly Draft[], events: readonly TraceEvent[]) {
  const shapes: Shape[] = [];
  const heights: number[] = [];
  const byRow: Draft[][] = rows.map(() => []);
  for (const draft of drafts) byRow[draft.row]?.push(draft);
  const tracks = byRow.map((own, row): Track => {
    own.sort((a, b) => a.start.order - b.start.order);
    const bars = own.filter((d) => d.form !== 'mark');
    const packed = pack(
      bars.map((b) => b.start.order),
      bars.map((b) => b.end.order),
      SLOTS_MAX[rows[row]?.kind ?? 'lane'],
    );
    heights[row] = packed.count;
    const slotOf = new Map(bars.map((bar, i) => [bar, packed.slots[i] ?? 0]));
    // A sandbox is one name for many invocations, one after the other; a mark belongs to the one that runs, or just begins.
    const ofProcess = Map.groupBy(bars, (bar) => events[bar.events[0] as number]?.who);
    const indexes = own.map((draft) => {
      const bar = ofProcess.get(events[draft.events[0] as number]?.who)?.findLast((b) => b.start.order <= draft.start.order + 1.5);
      return (
        shapes.push({
          ...draft,
          origin: originOf(events[draft.events[0] as number] as TraceEvent),
          slot: slotOf.get(draft) ?? (bar === undefined ? 0 : (slotOf.get(bar) ?? 0)),
        }) - 1
      );
    });
    const index = (axis: keyof Place) =>
      intervals(
        own.map((d) => d.start[axis]),
        own.map((d) => d.end[axis]),
      );
    return { shapes: indexes, time: index('time'), order: index('order') };
  });
  return { shapes, tracks, heights };
}

/** How long each member had each role, as far as the trace says. */
function epochsOf(header: TraceHeader, events: readonly TraceEvent[], at: (event: number) => Place, end: Place): readonly Epoch[] {
  const changes = events.flatMap((event, i) => {
    const role = event.kind === 'role' ? roleOf(event.text) : undefined;
    return role === undefined || event.at === undefined ? [] : [{ event: i, member: event.at, role, text: event.text, start: at(i) }];
  });
  return header.members.flatMap((member) => {
    const own = changes.filter((c) => c.member === member);
    return own.map((change, i): Epoch => {
      const last = own[i + 1]?.start ?? end;
      const later = changes.find((c) => c.member !== member && c.role.primary === true && c.role.epoch > change.role.epoch && c.event > change.event);
      return { ...change, end: last, ...(later !== undefined && later.start.order < last.order && { superseded: later.start }) };
    });
  });
}
