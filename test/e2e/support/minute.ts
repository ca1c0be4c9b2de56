import { AwsClient } from 'aws4fetch';
import { LOCAL_CREDENTIALS } from '../../../local/region.ts';
import { EU, type World } from './world.ts';

/** The schedule of the primary's minute run: a test that looks at dead letters must choose the moment when they are drained. */

/** One call (ms). */
const CALL_MAX_MS = 10_000;

/** Switches the rule that starts the primary's minute run. The SDK's client for EventBridge is not among our dependencies, for two calls. */
export async function minuteRule(world: World, action: 'DisableRule' | 'EnableRule'): Promise<void> {
  const signer = new AwsClient({ ...LOCAL_CREDENTIALS, service: 'events', region: EU, retries: 0 });
  const answer = await signer.fetch(world.cloud.endpoints[EU] ?? '', {
    method: 'POST',
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `AWSEvents.${action}` },
    body: JSON.stringify({ Name: `${world.names(EU).prefix}-minute` }),
    signal: AbortSignal.timeout(CALL_MAX_MS),
  });
  if (!answer.ok) throw new Error(`${action} was answered ${answer.status}: ${await answer.text()}`);
}
