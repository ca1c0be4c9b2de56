import { crc32 } from 'node:zlib';
import { SocketError } from './socket-handler.ts';

/**
 * DynamoDB JSON passed through: the request's input is the wire body, and the answer's output is it, too. Numbers stay
 * text and binaries stay base64, so nothing is walked, converted or copied member by member (that was more than half of
 * the SDK's CPU for a record). Endpoint, signature, retry and errors' HTTP metadata stay the SDK's.
 *
 * It stands in for the client's own protocol (`config.protocol`, an AwsJson1_0Protocol), which still makes the request's frame.
 */

/** What is used of the SDK's protocol objects. */
export interface SdkProtocol {
  serializeRequest(operation: SdkOperation, input: object, context: object): Promise<{ body?: unknown; headers: Record<string, string> }>;
  deserializeResponse(operation: SdkOperation, context: object, response: SdkResponse): Promise<object>;
}

interface SdkOperation {
  readonly name: string;
}

interface SdkResponse {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

/** An error answer of an AWS JSON service, its body included. `name` is the service's code. */
export class WireError extends Error {
  readonly $fault: 'client' | 'server';
  readonly $metadata: { readonly httpStatusCode: number; readonly requestId: string | undefined };
  /** The body as it came: ConditionalCheckFailedException has the old item in it. */
  readonly answer: Readonly<Record<string, unknown>>;
  constructor(code: string, message: string, status: number, requestId: string | undefined, answer: Readonly<Record<string, unknown>>) {
    super(message);
    this.name = code;
    this.$fault = status >= 500 ? 'server' : 'client';
    this.$metadata = { httpStatusCode: status, requestId };
    this.answer = answer;
  }
}

/** Most of an answer that is no JSON which an error quotes (characters). */
const QUOTED_MAX = 200;

/** The pass-through over the client's own protocol. */
export function wireProtocol<P extends SdkProtocol>(own: P): P {
  const wire = Object.create(own) as P;
  wire.serializeRequest = async (operation, input, context) => {
    const request = await own.serializeRequest(operation, {}, context);
    // A string, not bytes: Node then sends headers and body in one write (15 % of the CPU, measured).
    request.body = JSON.stringify(input);
    return request;
  };
  wire.deserializeResponse = async (_operation, _context, response) => readAnswer(response);
  return wire;
}

/**
 * An answer's body, with `$metadata` as the SDK adds it.
 *
 * @throws WireError for an error answer; SocketError for one whose checksum is wrong; SyntaxError for one that is no JSON.
 */
export function readAnswer(response: SdkResponse): Record<string, unknown> {
  const requestId = response.headers['x-amzn-requestid'];
  const sum = response.headers['x-amz-crc32'];
  if (sum !== undefined && crc32(response.body as Buffer) !== Number(sum)) {
    // Whatever its status says, this answer is none: the call counts as unanswered.
    throw new SocketError('ChecksumMismatch', `The answer's CRC-32 is not the ${sum} that its header names (request ${requestId ?? 'without id'})`, true);
  }
  const text = (response.body as Buffer).toString('utf8');
  if (response.statusCode >= 300) throw errorOf(response.statusCode, text, requestId);
  const output = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
  output['$metadata'] = { httpStatusCode: response.statusCode, requestId };
  return output;
}

function errorOf(status: number, text: string, requestId: string | undefined): WireError {
  let body: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (parsed !== null && typeof parsed === 'object') body = parsed as Record<string, unknown>;
  } catch {
    // A proxy's page, not the service's answer: its status has to do.
  }
  const type = body['__type'] ?? body['code'];
  const code = typeof type === 'string' ? type.slice(type.lastIndexOf('#') + 1) : `Http${status}`;
  const message = body['message'] ?? body['Message'];
  return new WireError(code, typeof message === 'string' ? message : `HTTP ${status}: ${text.slice(0, QUOTED_MAX)}`, status, requestId, body);
}
