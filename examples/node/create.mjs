// Creates sessions with mTLS and a bearer token, and prints them.
//
//     node examples/node/create.mjs 127.0.0.1:50051 DIRECTORY 1
//
// DIRECTORY has ca.crt, tls.crt, tls.key and token, as mounted in a pod. The last arguments
// are numbers of audit images: one call for each. Run it from the root of the repository, after
// `npm install --prefix examples/node`.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import { v7 as uuid7 } from 'uuid';

const DEADLINE_MILLISECONDS = 10_000;

const [endpoint, directory, ...numbers] = process.argv.slice(2);
const file = (name) => join(directory, name);

const contract = protoLoader.loadSync(['livegate/v1/session.proto', 'error_details.proto'], {
  includeDirs: ['proto', import.meta.dirname],
  enums: String, // otherwise, enums are numbers
  json: true, // decodes the details of errors
  defaults: true,
  longs: String,
});
const { SessionService } = grpc.loadPackageDefinition(contract).livegate.v1;

const tls = grpc.credentials.createSsl(...['ca.crt', 'tls.key', 'tls.crt'].map((name) => readFileSync(file(name))));
// Reads the token again for each call, because the kubelet replaces it.
const token = grpc.credentials.createFromMetadataGenerator(async (_, callback) => {
  try {
    const metadata = new grpc.Metadata();
    metadata.set('authorization', `Bearer ${(await readFile(file('token'), 'utf8')).trim()}`);
    callback(null, metadata);
  } catch (error) {
    callback(error);
  }
});
const client = new SessionService(endpoint, grpc.credentials.combineChannelCredentials(tls, token), {
  'grpc.service_config': readFileSync('deploy/service-config.json', 'utf8'),
});
const createSession = promisify(client.CreateSession.bind(client));

function printError(error) {
  console.log(grpc.status[error.code], error.details);
  for (const detail of errorDetails(error)) {
    if (detail.reason) console.log('reason:', detail.reason);
    if (detail.retryDelay) console.log('retry after:', seconds(detail.retryDelay), 's');
    for (const violation of detail.fieldViolations ?? []) console.log(`${violation.field}: ${violation.description}`);
  }
}

// The details are in the trailers, still encoded; there are none if the server did not respond.
function errorDetails(error) {
  const [status] = error.metadata.get('grpc-status-details-bin');
  return status ? contract['google.rpc.Status'].deserialize(status).details : [];
}

function seconds(duration) {
  return Number(duration.seconds) + duration.nanos / 1e9;
}

for (const images of numbers) {
  const request = {
    requestId: uuid7(), // once for each session that you want, outside of any retry
    subject: 'user-7', // the end user, from your own login
    settings: { auditImagesLimit: Number(images) },
  };
  try {
    const { session } = await createSession(request, { deadline: Date.now() + DEADLINE_MILLISECONDS });
    console.log(session.sessionId, 'in', session.region);
  } catch (error) {
    printError(error);
  }
}
client.close();
