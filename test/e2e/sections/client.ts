import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { SynclineClient } from '../../../client/client.ts';
import type { SynclineError } from '../../../client/errors.ts';
import { hostRuntime } from '../../../client/runtime.ts';
import { LOCAL_CREDENTIALS } from '../../../local/region.ts';
import { AP, EU, REGIONS, type Region, US, type World } from '../support/world.ts';

/** The TypeScript client on the deployed APIs, while the region nearest to it freezes, and then dies. */

/** Writes in all: CLIENT_WRITES=10000 for the full run. */
const WRITES = Number(process.env['CLIENT_WRITES'] ?? 1_000);
/** Writers and readers at a time. */
const WRITERS = 6;
const READERS = 2;
/** Items that are written to: each write adds 1 to one of them. */
const COUNTERS = 40;
/** The whole of one read, as the client is told (ms), and what the machine may add to it. */
const READ_MAX_MS = 3_000;
const SLACK_MS = 500;
/** The whole of one write (ms). */
const WRITE_MAX_MS = 20_000;
/** The test: long enough for 10,000 writes. */
const TEST_MAX_MS = 15 * 60_000;
const PK = 'client-survives';

/** How far each region is from this client (ms): on one machine all are near, so the network is played. */
const DISTANCE: Readonly<Record<Region, number>> = { [AP]: 0, [US]: 30, [EU]: 60 } as Record<Region, number>;

export function clientSurvives(of: () => World): void {
  describe('the client', () => {
    test('outlives its nearest region, frozen and then killed: no write is lost or made twice, no read is late', { timeout: TEST_MAX_MS }, async () => {
      const world = of();
      const client = clientNear(world);
      const counts = { reads: 0, lateReads: 0, failedReads: [] as string[], writes: 0, failedWrites: [] as string[] };
      const members = new Set<string>();
      let done = 0;
      let next = 0;
      const key = (n: number): { pk: string; sk: number } => ({ pk: PK, sk: n % COUNTERS });
      await client.discover();
      await client.get(key(0));

      const write = async (): Promise<void> => {
        while (next < WRITES) {
          const n = next;
          next += 1;
          await client
            .patch(key(n), { operations: [{ op: 'increment', path: 'count', value: 1 }] }, { timeoutMs: WRITE_MAX_MS })
            .then((outcome) => members.add(outcome.member))
            .catch((error: SynclineError) => counts.failedWrites.push(error.message.slice(0, 300)));
          done += 1;
        }
      };
      const read = async (): Promise<void> => {
        while (done < WRITES) {
          const began = performance.now();
          await client.get(key(counts.reads), { timeoutMs: READ_MAX_MS }).catch((error: SynclineError) => counts.failedReads.push(error.message.slice(0, 300)));
          counts.reads += 1;
          if (performance.now() - began > READ_MAX_MS + SLACK_MS) counts.lateReads += 1;
        }
      };
      const once = async (share: number, what: () => Promise<void>): Promise<void> => {
        while (done < WRITES * share) await sleep(20);
        await what();
      };
      const outage = async (): Promise<void> => {
        await once(0.3, () => world.cloud.fault('freeze', AP));
        await once(0.6, () => world.cloud.fault('kill', AP));
      };
      const began = performance.now();
      await Promise.all([outage(), ...Array.from({ length: WRITERS }, write), ...Array.from({ length: READERS }, read)]);
      const seconds = (performance.now() - began) / 1_000;
      process.stdout.write(`client: ${WRITES} writes, ${counts.reads} reads in ${seconds.toFixed(1)} s\n`);

      expect(counts.failedWrites).toEqual([]);
      expect(counts.failedReads).toEqual([]);
      expect(counts.lateReads).toBe(0);
      let total = 0;
      for (let n = 0; n < COUNTERS; n += 1) total += ((await client.get(key(n), { consistency: 'strong' })).item?.['count'] as number | undefined) ?? 0;
      expect(total).toBe(WRITES);
    });
  });
}

/** A client to which AP is nearest. */
function clientNear(world: World): SynclineClient {
  const urls = new Map(REGIONS.map((region) => [world.url(region, ''), region]));
  return new SynclineClient({
    endpoints: [AP, US, EU].map((region) => world.url(region, '')),
    auth: { type: 'iam', credentials: async () => LOCAL_CREDENTIALS, region: EU },
    runtime: {
      ...hostRuntime,
      fetch: async (url, init) => {
        const region = [...urls].find(([base]) => url.startsWith(base))?.[1];
        await sleep(region === undefined ? 0 : DISTANCE[region]);
        return hostRuntime.fetch(url, init);
      },
    },
  });
}
