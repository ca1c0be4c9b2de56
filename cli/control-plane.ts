import type { CloudFormationClient, Stack } from '@aws-sdk/client-cloudformation';
import { DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { remoteError } from '../lib/adapters/aws/classify.ts';
import { CONNECT_TIMEOUT_MS } from '../lib/core/constants.ts';

/** What the command's calls of AWS's control plane have in common. Credentials were chosen when the session was opened. */

/** A control-plane call may take longer than a table's (ms). */
const REQUEST_TIMEOUT_MS = 10_000;

/** Settings of a client. @param endpoint of a local cloud, or undefined for AWS. */
export const controlPlane = (region: string, endpoint: string | undefined) => ({
  region,
  ...(endpoint !== undefined && { endpoint }),
  // The caller repeats what may be repeated, within the command's time.
  maxAttempts: 1,
  requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, throwOnRequestTimeout: true },
});

/** What a call gives; what it throws is classified. @throws RemoteError */
export async function remote<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw remoteError(error);
  }
}

/** The stack of that name, if there is one. @throws RemoteError */
export async function stackNamed(formation: CloudFormationClient, name: string): Promise<Stack | undefined> {
  try {
    return (await formation.send(new DescribeStacksCommand({ StackName: name }))).Stacks?.[0];
  } catch (error) {
    if (isNoSuchStack(error)) return undefined;
    throw remoteError(error);
  }
}

/** CloudFormation says that a stack is not there by a ValidationError. */
const isNoSuchStack = (error: unknown): boolean => error instanceof Error && error.name === 'ValidationError' && /does not exist/.test(error.message);
