import type { CloudCall, Fault } from '../../lib/adapters/memory/call.ts';
import type { FaultHooks } from './fault.ts';
import { FAULTS } from './faults/all.ts';
import type { StreamReader } from './mappings/stream.ts';
import type { KnownMessage } from './messages.ts';
import type { SimProcess } from './process.ts';
import type { World } from './world.ts';

/** All kinds of fault that are on in one run. Asks nobody while the world heals. */
export class Faults {
  readonly injected: Record<string, number> = {};
  readonly #world: World;
  readonly #hooks: readonly FaultHooks[];
  readonly #call: readonly FaultHooks[];
  readonly #await: readonly FaultHooks[];

  constructor(world: World) {
    this.#world = world;
    this.#hooks = FAULTS.flatMap((kind) => {
      const rate = world.knobs.faults[kind.name];
      if (rate === undefined) return [];
      const chance = world.chanceOf(`fault ${kind.name}`);
      this.injected[kind.name] = 0;
      return [
        kind.make({
          world,
          chance,
          rate,
          strikes: () => !world.healing && chance.random() < rate,
          note: (text, where) => world.trace.add('fault', () => ({ who: kind.name, ...where, text: text() })),
          injected: (text, where) => {
            this.injected[kind.name] = (this.injected[kind.name] ?? 0) + 1;
            world.trace.add('fault', () => ({ who: kind.name, ...where, text: text() }));
          },
        }),
      ];
    });
    this.#call = this.#hooks.filter((h) => h.call !== undefined);
    this.#await = this.#hooks.filter((h) => h.await !== undefined);
  }

  call(call: CloudCall): Fault | undefined {
    if (this.#world.healing) return undefined;
    for (const hook of this.#call) {
      const fault = hook.call?.(call);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
  await(process: SimProcess): void {
    if (this.#world.healing || process.fn === 'operator') return;
    for (const hook of this.#await) hook.await?.(process);
  }
  step(): void {
    for (const hook of this.#hooks) hook.step?.();
  }
  cut(available: number, reader: StreamReader): number | undefined {
    return this.#first((h) => h.cut?.(available, reader));
  }
  checkpoint(reader: StreamReader): void {
    if (!this.#world.healing) for (const hook of this.#hooks) hook.checkpoint?.(reader);
  }
  startMs(): number | undefined {
    return this.#first((h) => h.startMs?.());
  }
  keep(message: KnownMessage): boolean {
    return this.#first((h) => (h.keep?.(message) === true ? true : undefined)) === true;
  }
  heal(): void {
    for (const hook of this.#hooks) hook.heal?.();
  }

  #first<T>(ask: (hook: FaultHooks) => T | undefined): T | undefined {
    if (this.#world.healing) return undefined;
    for (const hook of this.#hooks) {
      const answer = ask(hook);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }
}
