import { describe, expect, it } from 'vitest';
import { whenFree } from '../../../cli/check-free.ts';
import { CliError } from '../../../cli/errors.ts';
import type { Session } from '../../../cli/session.ts';

/** A session whose time passes only where it is slept. */
function session(): { readonly session: Session; readonly notes: string[]; readonly elapsed: () => number } {
  let elapsed = 0;
  const notes: string[] = [];
  const clock = {
    elapsed: () => elapsed,
    sleep: async (ms: number) => {
      elapsed += ms;
    },
  };
  return { session: { runtime: { clock }, out: { note: (text: string) => notes.push(text) } } as unknown as Session, notes, elapsed: () => elapsed };
}
const taken = (): CliError => new CliError('failed', 'job-taken', 'another run');

describe('whenFree', () => {
  it('tries again until the other run is over, and says so once', async () => {
    const { session: of, notes } = session();
    let calls = 0;
    const work = async (): Promise<number> => {
      calls += 1;
      if (calls < 4) throw taken();
      return calls;
    };
    expect(await whenFree(of, () => false, work)).toBe(4);
    expect(notes).toEqual(['Another run works at this check now; waiting for it.']);
  });

  it('gives up after 90 s, or when a person wants it to end', async () => {
    const waiting = session();
    const never = async (): Promise<never> => {
      throw taken();
    };
    await expect(whenFree(waiting.session, () => false, never)).rejects.toMatchObject({ code: 'job-taken' });
    expect(waiting.elapsed()).toBe(90_000);
    const stopped = session();
    await expect(whenFree(stopped.session, () => true, never)).rejects.toMatchObject({ code: 'job-taken' });
    expect(stopped.elapsed()).toBe(0);
  });

  it('does not repeat what failed otherwise', async () => {
    const { session: of, elapsed } = session();
    const failed = async (): Promise<never> => {
      throw new CliError('failed', 'denied', 'no');
    };
    await expect(whenFree(of, () => false, failed)).rejects.toMatchObject({ code: 'denied' });
    expect(elapsed()).toBe(0);
  });
});
