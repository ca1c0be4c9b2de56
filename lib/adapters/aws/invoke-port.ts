import type { LambdaClient } from '@aws-sdk/client-lambda';
import { InvokeCommand } from '@aws-sdk/client-lambda';
import { RemoteError } from '../../ports/errors.ts';
import type { InvokePort } from '../../ports/invoke.ts';
import { remoteError } from './classify.ts';

/** Most of a failed function's answer that an error quotes (characters). */
const QUOTED_MAX = 300;

/** InvokePort on the SDK. */
export class AwsInvokePort implements InvokePort {
  readonly #client: LambdaClient;

  constructor(client: LambdaClient) {
    this.#client = client;
  }

  async invoke(functionName: string, payload: string): Promise<string> {
    let answer: { Payload?: Uint8Array | undefined; FunctionError?: string | undefined };
    try {
      answer = await this.#client.send(
        new InvokeCommand({ FunctionName: functionName, InvocationType: 'RequestResponse', Payload: Buffer.from(payload, 'utf8') }),
      );
    } catch (error) {
      throw remoteError(error);
    }
    const text = Buffer.from(answer.Payload ?? new Uint8Array()).toString('utf8');
    if (answer.FunctionError !== undefined) {
      // The function ran and failed: what it had done by then is done.
      throw new RemoteError('unanswered', 'FunctionError', `The function ${functionName} failed (${answer.FunctionError}): ${text.slice(0, QUOTED_MAX)}`);
    }
    return text;
  }
}
