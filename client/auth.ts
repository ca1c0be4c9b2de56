import { AwsV4Signer } from 'aws4fetch';
import { SynclineError } from './errors.ts';

/** AWS credentials, as every provider of the SDK gives them. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** How requests prove who asks. The functions are called for each request: they should keep what they have for as long as it is valid. */
export type Auth =
  /** SigV4 for the service `execute-api`. `region` is for URLs that do not name it, until discovery has told it. */
  | { readonly type: 'iam'; readonly credentials: () => Promise<Credentials>; readonly region?: string }
  | { readonly type: 'bearer'; readonly token: () => Promise<string> };

/** A request before it is signed. */
export interface Unsigned {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

const HOST_REGION = /\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$/;

/** The region that a URL of API Gateway names, or undefined. */
export const regionOfUrl = (url: string): string | undefined => HOST_REGION.exec(new URL(url).hostname)?.[1];

/**
 * The headers of a request with its proof.
 *
 * @param region of the member that is asked, as far as it is known.
 * @throws SynclineError "no-credentials" when the caller's function fails, or gives nothing.
 */
export async function authorised(auth: Auth, request: Unsigned, region: string | undefined): Promise<Headers> {
  if (auth.type === 'bearer') {
    const token = await provided(auth.token, 'token');
    if (!TOKEN.test(token)) throw new SynclineError('no-credentials', 'auth.token gave no token: it must be one text without spaces.');
    return new Headers({ ...request.headers, authorization: `Bearer ${token}` });
  }
  const credentials = await provided(auth.credentials, 'credentials');
  if (!credentials?.accessKeyId || !credentials.secretAccessKey) {
    throw new SynclineError('no-credentials', 'auth.credentials gave no accessKeyId, or no secretAccessKey.');
  }
  const signedFor = regionOfUrl(request.url) ?? region ?? auth.region;
  if (signedFor === undefined) throw new SynclineError('invalid-value', noRegion(request.url));
  // Only the headers are taken from the signer: a body that went through its Request would be sent in chunks, without a length.
  const signer = new AwsV4Signer({
    ...request,
    headers: { ...request.headers },
    accessKeyId: credentials.accessKeyId,
    secretAccessKey: credentials.secretAccessKey,
    ...(credentials.sessionToken !== undefined && { sessionToken: credentials.sessionToken }),
    service: 'execute-api',
    region: signedFor,
  });
  return (await signer.sign()).headers;
}

/** Why a request to a URL cannot be signed. */
export const noRegion = (url: string): string => `endpoints: ${url} does not name its region, and a signature needs it. Give auth.region.`;

/** What a header may carry as a bearer token. RFC 6750, 2.1. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

async function provided<T>(give: () => Promise<T>, what: string): Promise<T> {
  try {
    return await give();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new SynclineError('no-credentials', `auth.${what} failed: ${why}`, {}, { cause: error });
  }
}
