// The AWS credentials of a user's device: they last 15 minutes, and permit one operation.
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';

import { options } from './options.mjs';

const policy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'rekognition:StartFaceLivenessSession', Resource: '*' }],
});
const sts = options.deviceRole && new STSClient({ region: options.region });

// Assumes the role of the devices. AWS's logs then have the user as the name of the
// session. The policy holds even if the role has further permissions.
export async function deviceCredentials(user) {
  if (!sts) return { accessKeyId: 'test', secretAccessKey: 'test' };
  const { Credentials } = await sts.send(
    new AssumeRoleCommand({
      RoleArn: options.deviceRole,
      RoleSessionName: user,
      DurationSeconds: 900,
      Policy: policy,
    }),
  );
  return {
    accessKeyId: Credentials.AccessKeyId,
    secretAccessKey: Credentials.SecretAccessKey,
    sessionToken: Credentials.SessionToken,
  };
}
