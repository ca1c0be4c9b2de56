/** Elements at the front that may be empty before the array is moved up. */
const SLACK_MAX = 1_024;

/** A list that grows at its end and shrinks at its front, each in amortised O(1), and can be read at any place. */
export class Fifo<T> {
  #slots: (T | undefined)[] = [];
  /** Slots before this one are empty. */
  #front = 0;

  get length(): number {
    return this.#slots.length - this.#front;
  }

  get first(): T | undefined {
    return this.#slots[this.#front];
  }

  /** @param index from the front, below `length`. */
  at(index: number): T {
    return this.#slots[this.#front + index] as T;
  }

  push(element: T): void {
    this.#slots.push(element);
  }

  /** Takes the first element away; does nothing when there is none. */
  shift(): void {
    if (this.#front === this.#slots.length) return;
    this.#slots[this.#front] = undefined;
    this.#front += 1;
    // Each move costs at most as many steps as elements were shifted since the last one.
    if (this.#front < SLACK_MAX || this.#front * 2 < this.#slots.length) return;
    this.#slots = this.#slots.slice(this.#front);
    this.#front = 0;
  }

  /** The elements from one place to another, the latter left out. */
  slice(from: number, to: number): T[] {
    return this.#slots.slice(this.#front + from, this.#front + Math.min(to, this.length)) as T[];
  }
}
