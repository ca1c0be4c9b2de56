import { z } from 'zod';
import type { KeySchema } from '../../lib/core/key.ts';
import type { Session } from '../session.ts';
import type { ApiChoice, ApiClient } from './client.ts';

const attribute = z.object({ name: z.string(), type: z.enum(['S', 'N', 'B']) });
/** What of /.well-known/syncline is needed here. */
const discovery = z.object({ key: z.object({ partition: attribute, sort: attribute.exactOptional() }) });

/** The set's key schema: its own word for an API that was named by its URL, else the configuration's. */
export async function schemaOf(session: Session, api: ApiClient, choice: ApiChoice): Promise<KeySchema> {
  const { partition, sort } = session.config.key;
  const configured = { partition, ...(sort !== undefined && { sort }) };
  if (choice.url === undefined) return configured;
  const answer = await api.send({ method: 'GET', path: '/.well-known/syncline' }, [404]);
  if (answer.status === 404) return configured;
  return discovery.parse(JSON.parse(answer.text)).key;
}
