/** A process that was killed: nothing of it happens any more. */
export class Killed extends Error {}

/** The call at which a process dies: before its effect, or after it. */
export interface Death {
  readonly at: number;
  readonly after: boolean;
}

/**
 * Wraps the ports of one process, whose calls are counted together. It dies with a call; then no call does anything any more, as after a
 * SIGKILL. Without a death it only counts.
 */
export function mortal(death: Death | undefined): { readonly wrap: <T extends object>(port: T) => T; readonly calls: () => number } {
  let calls = 0;
  const wrap = <T extends object>(port: T): T =>
    new Proxy(port, {
      get: (target, name) => {
        const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
        return async (...args: unknown[]) => {
          calls += 1;
          const call = calls;
          if (death !== undefined && (call > death.at || (call === death.at && !death.after))) throw new Killed();
          const answer = await method.apply(target, args);
          if (death !== undefined && calls >= death.at) throw new Killed();
          return answer;
        };
      },
    });
  return { wrap, calls: () => calls };
}
