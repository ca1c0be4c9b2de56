import type { ObjectPort } from '../../ports/objects.ts';
import type { Clock } from '../../ports/runtime.ts';
import type { ArchivePlace } from '../place.ts';
import { Gate } from './gate.ts';

/** The time of a look is over: no request is begun any more. */
export class TimeOver extends Error {
  constructor() {
    super('The time for looking into the log is over.');
    this.name = 'TimeOver';
  }
}

/** What was read. */
export interface ReadCount {
  readonly requests: number;
  /** Bytes of objects; lists have none. */
  readonly bytes: number;
}

/** An archive whose reads are counted, are under way at most so many at a time, and end at a time. */
export class CountedPlace {
  readonly place: ArchivePlace;
  #requests = 0;
  #bytes = 0;

  /** @param until elapsed time (ms) after which no request is begun: it throws TimeOver. */
  constructor(place: ArchivePlace, clock: Clock, atOnce: number, until: number) {
    const { objects } = place;
    const gate = new Gate(atOnce);
    const request = <T>(work: () => Promise<T>): Promise<T> =>
      gate.pass(() => {
        if (clock.elapsed() >= until) throw new TimeOver();
        this.#requests += 1;
        return work();
      });
    const counted: ObjectPort = {
      get: async (bucket, key, options, call) => {
        const read = await request(() => objects.get(bucket, key, options, call));
        this.#bytes += read?.body.length ?? 0;
        return read;
      },
      head: (bucket, key, call) => request(() => objects.head(bucket, key, call)),
      list: (bucket, asked, call) => request(() => objects.list(bucket, asked, call)),
      put: (bucket, key, body, options, call) => request(() => objects.put(bucket, key, body, options, call)),
      delete: (bucket, key, call) => request(() => objects.delete(bucket, key, call)),
    };
    this.place = { ...place, objects: counted };
  }

  get read(): ReadCount {
    return { requests: this.#requests, bytes: this.#bytes };
  }
}
