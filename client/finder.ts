import type { Discovery } from './discovery.ts';
import { placesOf, readDiscovery } from './discovery.ts';
import type { Members } from './members.ts';
import type { ClientRuntime } from './runtime.ts';
import type { CallLimits, Transport } from './transport.ts';

/** How old what was discovered may be (ms). */
const DISCOVERY_MS = 5 * 60_000;
/** How old it may be after a failure of a member, or of discovery itself (ms): the members may have changed. */
const DISCOVERY_AFTER_FAILURE_MS = 10_000;
/** The time of a discovery that nobody waits for (ms). */
const BESIDE_MS = 5_000;

/** Finds the members and measures them, by the word of one of them. */
export class Finder {
  readonly #transport: Transport;
  readonly #members: Members;
  readonly #runtime: ClientRuntime;
  readonly #attemptTimeoutMs: number;
  readonly #seeds: readonly string[];
  #keyNames: readonly string[] | undefined;
  /** Elapsed time of the last attempt (ms). */
  #triedAt: number | undefined;
  #failed = false;
  #underWay = false;

  constructor(transport: Transport, members: Members, runtime: ClientRuntime, attemptTimeoutMs: number) {
    this.#transport = transport;
    this.#members = members;
    this.#runtime = runtime;
    this.#attemptTimeoutMs = attemptTimeoutMs;
    this.#seeds = members.places.map(({ url }) => url);
  }

  /** @throws SynclineError */
  async discover(limits: CallLimits): Promise<Discovery> {
    this.#triedAt = this.#runtime.now();
    this.#failed = true;
    const found = readDiscovery(await this.#transport.send({ method: 'GET', path: '/.well-known/syncline', kind: 'near', hedge: true }, limits));
    this.#failed = false;
    this.#members.discovered(placesOf(found, this.#seeds));
    const { partition, sort } = found.key;
    this.#keyNames = [partition.name, ...(sort === undefined ? [] : [sort.name])];
    return found;
  }

  /** The names of the key attributes, the partition key's first. They never change. @throws SynclineError */
  async keyNames(limits: CallLimits): Promise<readonly string[]> {
    if (this.#keyNames === undefined) await this.discover(limits);
    return this.#keyNames ?? [];
  }

  /** Looks for the members and measures them, when it is time; beside a call, never before it, so that no member that hangs holds it up. */
  sometimes(): void {
    if (this.#underWay || !this.#isTime()) return;
    this.#underWay = true;
    this.#look().catch(() => undefined);
  }

  async #look(): Promise<void> {
    const attemptTimeoutMs = this.#attemptTimeoutMs;
    try {
      await this.discover({ timeoutMs: BESIDE_MS, attemptTimeoutMs });
    } catch {
      // The seeds, and what was found before, serve meanwhile.
    }
    await this.#transport.measure(attemptTimeoutMs);
    this.#underWay = false;
  }

  #isTime(): boolean {
    const triedAt = this.#triedAt;
    if (triedAt === undefined) return true;
    const age = this.#runtime.now() - triedAt;
    const failure = this.#failed || (this.#members.failedAt ?? -1) > triedAt;
    return age >= (failure ? DISCOVERY_AFTER_FAILURE_MS : DISCOVERY_MS);
  }
}
