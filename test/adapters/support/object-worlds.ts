import { randomBytes } from 'node:crypto';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { objectClient } from '../../../lib/adapters/aws/clients.ts';
import { AwsObjectPort } from '../../../lib/adapters/aws/object-port.ts';
import type { CloudHook } from '../../../lib/adapters/memory/call.ts';
import { Caller, Calls } from '../../../lib/adapters/memory/call.ts';
import { ManualClock } from '../../../lib/adapters/memory/clock.ts';
import { MemoryObjectPort, MemoryObjects } from '../../../lib/adapters/memory/objects.ts';
import type { ObjectPort } from '../../../lib/ports/objects.ts';
import { localCredentials, REGION } from './aws-world.ts';

/** What the suite of object stores needs beside the port. */
export interface ObjectWorld {
  readonly objects: ObjectPort;
  /** Makes an empty bucket and returns its name. */
  createBucket(): Promise<string>;
  close(): Promise<void>;
}

/** A region's buckets in memory, with what a test may do beside the port. */
export function memoryObjects(): { readonly port: ObjectPort; readonly state: MemoryObjects; readonly clock: ManualClock; hook(hook: CloudHook): void } {
  const clock = new ManualClock();
  const calls = new Calls(clock);
  const state = new MemoryObjects();
  return {
    port: new MemoryObjectPort(REGION, state, new Caller(calls)),
    state,
    clock,
    hook: (hook) => {
      calls.hook = hook;
    },
  };
}

export async function memoryObjectWorld(): Promise<ObjectWorld> {
  const { port, state } = memoryObjects();
  let number = 0;
  return {
    objects: port,
    async createBucket() {
      number += 1;
      state.createBucket(`bucket-${number}`);
      return `bucket-${number}`;
    },
    close: () => Promise.resolve(),
  };
}

/** Buckets of a server at `endpoint`. */
export async function awsObjectWorld(endpoint: string): Promise<ObjectWorld> {
  localCredentials();
  const { s3, destroy } = objectClient({ region: REGION, endpoint });
  return {
    objects: new AwsObjectPort(s3),
    async createBucket() {
      const name = `b-${randomBytes(8).toString('hex')}`;
      await s3.send(new CreateBucketCommand({ Bucket: name, CreateBucketConfiguration: { LocationConstraint: REGION } }));
      return name;
    },
    close: async () => destroy(),
  };
}
