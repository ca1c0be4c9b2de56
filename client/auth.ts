import { AwsV4Signer } from 'aws4fetch';

/** AWS credentials, as every provider of the SDK gives them. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** How requests prove who asks. The functions are called for each request: they should keep what they have for as long as it is valid. */
export type Auth =
  /** SigV4 for the service `execute-api`. `region` is for seeds whose URL does not name it. */
  | { readonly type: 'iam'; readonly credentials: () => Promise<Credentials>; readonly region?: string }
  | { readonly type: 'bearer'; readonly token: () => Promise<string> };

/** A request before it is signed. */
export interface Unsigned {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

const HOST_REGION = /\.execute-api\.([a-z0-9-]+)\.amazonaws\.com$/;

/** The region that a URL of API Gateway names, or undefined. */
export const regionOfUrl = (url: string): string | undefined => HOST_REGION.exec(new URL(url).hostname)?.[1];

/** The headers of a request with its proof. @param region of the member that is asked @throws what the provider throws */
export async function authorised(auth: Auth, request: Unsigned, region: string | undefined): Promise<Headers> {
  if (auth.type === 'bearer') return new Headers({ ...request.headers, authorization: `Bearer ${await auth.token()}` });
  const credentials = await auth.credentials();
  // Only the headers are taken from the signer: a body that went through its Request would be sent in chunks, without a length.
  const signer = new AwsV4Signer({
    ...request,
    headers: { ...request.headers },
    accessKeyId: credentials.accessKeyId,
    secretAccessKey: credentials.secretAccessKey,
    ...(credentials.sessionToken !== undefined && { sessionToken: credentials.sessionToken }),
    service: 'execute-api',
    region: region ?? regionOfUrl(request.url) ?? auth.region ?? 'us-east-1',
  });
  return (await signer.sign()).headers;
}
