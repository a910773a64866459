// Stands for AWS STS: answers AssumeRole with the credentials of the simulator.
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

const answer = (secretKey) => `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult>
    <Credentials>
      <AccessKeyId>test</AccessKeyId>
      <SecretAccessKey>${secretKey}</SecretAccessKey>
      <SessionToken>session+token/=</SessionToken>
      <Expiration>${new Date(Date.now() + 900_000).toISOString()}</Expiration>
    </Credentials>
  </AssumeRoleResult>
</AssumeRoleResponse>
`;

// `secretKey` can be changed between requests; `requests` has their parameters.
export async function startSts() {
  const sts = { secretKey: 'test', requests: [] };
  const server = createServer(async (request, response) => {
    sts.requests.push(Object.fromEntries(new URLSearchParams(await text(request))));
    response.setHeader('content-type', 'text/xml').end(answer(sts.secretKey));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  sts.url = `http://127.0.0.1:${server.address().port}`;
  sts.stop = () => server.close();
  return sts;
}
