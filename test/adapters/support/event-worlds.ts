import { randomBytes } from 'node:crypto';
import { PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge';
import { CreateQueueCommand, GetQueueAttributesCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { awsClients } from '../../../lib/adapters/aws/clients.ts';
import { AwsEventPort, eventClient } from '../../../lib/adapters/aws/event-port.ts';
import { MemoryEventPort } from '../../../lib/adapters/memory/event-port.ts';
import { eventually, localCredentials, REGION } from './aws-world.ts';
import type { ArrivedEvent, EventWorld } from './events-suite.ts';

export async function memoryEventWorld(): Promise<EventWorld> {
  const events = new MemoryEventPort();
  return { events, arrived: async () => events.events.map((event) => ({ source: 'syncline', ...event })), close: () => Promise.resolve() };
}

/** The default event bus of a server at `endpoint`, with a rule that sends our events to a queue. */
export async function awsEventWorld(endpoint: string): Promise<EventWorld> {
  localCredentials();
  const client = eventClient({ region: REGION, endpoint });
  const { sqs, destroy } = awsClients({ region: REGION, endpoint });
  const name = `e-${randomBytes(8).toString('hex')}`;
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
  await client.eventbridge.send(new PutRuleCommand({ Name: name, EventPattern: JSON.stringify({ source: ['syncline'] }) }));
  await client.eventbridge.send(new PutTargetsCommand({ Rule: name, Targets: [{ Id: 'queue', Arn: Attributes?.['QueueArn'] ?? '' }] }));
  const arrived = new Map<string, ArrivedEvent>();
  return {
    events: new AwsEventPort(client),
    arrived: (count) =>
      eventually(`${count} events`, async () => {
        const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
        for (const { MessageId, Body } of Messages ?? []) {
          const { source, 'detail-type': type, detail } = JSON.parse(Body ?? '{}') as { source: string; 'detail-type': string; detail: unknown };
          arrived.set(MessageId ?? '', { source, type, detail });
        }
        return arrived.size >= count ? [...arrived.values()] : undefined;
      }),
    close: async () => {
      client.destroy();
      destroy();
    },
  };
}
