import { readFileSync } from 'node:fs';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { readBodies } from '../archive/bodies.ts';
import type { Answers, Task } from './protocol.ts';
import { measured, serve } from './serve.ts';

/** A process that stores objects with the SDK, for the limits that the archive is compared with. */

/** The SDK as its documentation has it, but for the empty logger (see raw.ts). Region, endpoint and credentials: environment. */
const client = new S3Client({
  logger: {} as Console,
  forcePathStyle: true,
  credentials: { accessKeyId: process.env['AWS_ACCESS_KEY_ID'] ?? '', secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'] ?? '' },
});

async function puts(task: Extract<Task, { kind: 'puts' }>): Promise<Answers['puts']> {
  const bodies = task.files.flatMap((file) => readBodies(readFileSync(file)));
  const { ms, cpuUs } = await measured(async () => {
    const queue = bodies.entries();
    const caller = async (): Promise<void> => {
      for (const [i, Body] of queue) await client.send(new PutObjectCommand({ Bucket: task.bucket, Key: `${task.prefix}${i}`, Body }));
    };
    await Promise.all(Array.from({ length: task.concurrency }, caller));
  });
  return { ms, cpuUs, objects: bodies.length };
}

serve(async (task) => {
  if (task.kind === 'puts') return puts(task);
  throw new Error(`This worker does not do "${task.kind}".`);
});
