import { lowerBound } from './intervals.ts';

/** Share of an axis by order that the events take which are not chosen: enough to see that there are some. */
const OTHERS_SHARE = 0.18;

/**
 * An axis by order on which the chosen events have the room, and the others are pressed together between them: the
 * story of one key among a hundred thousand events fills the picture. Event i lies from its place i to i + 1.
 */
export class Stretch {
  /** Where each event begins, and where the last one ends. Grows strictly. */
  readonly #begins: Float64Array;

  /** @param chosen for each event 1 when it is chosen, else 0. With none, or all, every event has the same room. */
  constructor(chosen: ArrayLike<number>) {
    let count = 0;
    for (let i = 0; i < chosen.length; i += 1) count += chosen[i] === 1 ? 1 : 0;
    const others = chosen.length - count;
    const width = count === 0 || others === 0 ? 1 : Math.min(1, (count / others) * OTHERS_SHARE);
    this.#begins = new Float64Array(chosen.length + 1);
    for (let i = 0; i < chosen.length; i += 1) this.#begins[i + 1] = (this.#begins[i] ?? 0) + (chosen[i] === 1 ? 1 : width);
  }

  /** Length of the axis: at least 1. */
  get length(): number {
    return Math.max(1, this.#begins.at(-1) ?? 0);
  }

  /** The place on this axis of a place in the order. */
  place(order: number): number {
    const count = this.#begins.length - 1;
    const event = Math.max(0, Math.min(count - 1, Math.floor(order)));
    const begin = this.#begins[event] ?? 0;
    return count === 0 ? order : begin + (order - event) * ((this.#begins[event + 1] ?? begin) - begin);
  }

  /** The place in the order of a place on this axis: the inverse of `place`. */
  order(place: number): number {
    const count = this.#begins.length - 1;
    if (count === 0) return place;
    const after = lowerBound(this.#begins, place);
    const event = Math.max(0, Math.min(count - 1, this.#begins[after] === place ? after : after - 1));
    const begin = this.#begins[event] ?? 0;
    return event + (place - begin) / ((this.#begins[event + 1] ?? begin + 1) - begin);
  }
}
