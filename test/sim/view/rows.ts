import type { TraceEvent, TraceHeader } from '../trace.ts';

/** The rows of the picture, top to bottom. */

export interface Row {
  readonly kind: 'faults' | 'member' | 'process' | 'link' | 'lane';
  readonly label: string;
  /** The member that it belongs to: of a link and its lanes, the source. */
  readonly member?: string;
  readonly link?: string;
  readonly lane?: number;
  /** Bars above each other. */
  readonly slots: number;
}

/** A process by its parts: "a/apply>b#3" is of member "a" and function "apply>b". Undefined for "user", "lambda" and the like. */
export function processOf(who: string | undefined): { readonly member: string; readonly name: string } | undefined {
  const match = /^([^/\s]+)\/([^#\s]+)(?:#.*)?$/.exec(who ?? '');
  return match === null ? undefined : { member: match[1] as string, name: match[2] as string };
}

/** The source of a link: "a>b" → "a". */
export const sourceOf = (link: string): string => link.split('>')[0] as string;

/** The member that an event comes from, for its colour: the source of its link, the member of its process, or where it took effect. */
export function originOf(event: TraceEvent): string | undefined {
  return event.link !== undefined ? sourceOf(event.link) : (processOf(event.who)?.member ?? event.at);
}

/** Heights of rows (CSS pixels): of an empty row, and of each slot. */
const HEIGHTS: Readonly<Record<Row['kind'], readonly [base: number, slot: number]>> = {
  faults: [20, 14],
  member: [34, 0],
  process: [5, 7],
  link: [18, 0],
  lane: [5, 9],
};
/** Space above a member, so that its rows read as a group (CSS pixels). */
const MEMBER_GAP = 10;

/** Where each row begins, and how high it is (CSS pixels), the first at 0. */
export function layout(rows: readonly Row[]): { readonly tops: readonly number[]; readonly heights: readonly number[]; readonly height: number } {
  let top = 0;
  const tops: number[] = [];
  const heights: number[] = [];
  rows.forEach((row, i) => {
    if (row.kind === 'member' && i > 1) top += MEMBER_GAP;
    const [base, slot] = HEIGHTS[row.kind];
    tops.push(top);
    heights.push(base + slot * row.slots);
    top += base + slot * row.slots;
  });
  return { tops, heights, height: top };
}

/** Where a slot's bar is inside its row: the middle of it, from the row's top (CSS pixels). */
export function slotMiddle(row: Row, slot: number): number {
  const [base, height] = HEIGHTS[row.kind];
  if (row.kind === 'member' || row.kind === 'link') return base / 2;
  // Above the spans of the faults there is a line for those that do not last.
  return (row.kind === 'faults' ? base - 3 : base / 2) + height * (slot + 0.5);
}

const byName = new Intl.Collator('en', { numeric: true }).compare;

/**
 * The rows that a trace needs: the faults, then each member with the functions that run there, and under it its links
 * with those lanes that carried something.
 * @returns `rowOf`: the row of an event; −1 for one that has none (a member or link that the header does not name).
 */
export function makeRows(header: TraceHeader, events: readonly TraceEvent[]): { readonly rows: readonly Row[]; readonly rowOf: (event: TraceEvent) => number } {
  const functions = new Map<string, Set<string>>(header.members.map((m) => [m, new Set()]));
  const lanes = new Map<string, Set<number>>(header.links.map((l) => [l, new Set()]));
  for (const event of events) {
    const process = event.kind === 'begin' ? processOf(event.who) : undefined;
    if (process !== undefined) functions.get(process.member)?.add(process.name);
    if (event.message !== undefined && event.link !== undefined && event.lane !== undefined) lanes.get(event.link)?.add(event.lane);
  }
  const rows: Row[] = [];
  const places = new Map<string, number>();
  const put = (name: string, row: Omit<Row, 'slots'>): void => {
    places.set(name, rows.push({ ...row, slots: 1 }) - 1);
  };
  put('faults', { kind: 'faults', label: 'faults' });
  for (const member of header.members) {
    put(`member ${member}`, { kind: 'member', label: member, member });
    for (const name of [...(functions.get(member) ?? [])].sort(byName)) put(`process ${member}/${name}`, { kind: 'process', label: name, member });
    for (const link of header.links.filter((l) => sourceOf(l) === member)) {
      const used = [...(lanes.get(link) ?? [])].sort((a, b) => a - b);
      put(`link ${link}`, { kind: 'link', label: used.length === 0 ? `${link}  idle` : link, member, link });
      for (const lane of used) put(`lane ${link} ${lane}`, { kind: 'lane', label: `lane ${lane}`, member, link, lane });
    }
  }
  const place = (...names: string[]): number => names.map((n) => places.get(n)).find((p) => p !== undefined) ?? -1;
  const rowOf = (event: TraceEvent): number => {
    const process = processOf(event.who);
    const ofProcess = process === undefined ? '' : `process ${process.member}/${process.name}`;
    const ofMember = `member ${event.at ?? process?.member ?? (event.link === undefined ? '' : sourceOf(event.link))}`;
    switch (event.kind) {
      case 'fault':
        return place('faults');
      case 'send':
      case 'receive':
      case 'delete':
      case 'dead':
        return place(`lane ${event.link} ${event.lane}`, `link ${event.link}`, ofMember);
      case 'begin':
      case 'end':
      case 'batch':
      case 'call':
        return place(ofProcess, ofMember);
      case 'operator':
        return place(ofMember, 'faults');
      default:
        return place(ofMember);
    }
  };
  return { rows, rowOf };
}
