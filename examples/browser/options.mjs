// The command line of the backend.
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8080' },
    origin: { type: 'string' },
    livegate: { type: 'string', default: '127.0.0.1:50051' },
    'tls-ca': { type: 'string' },
    'tls-cert': { type: 'string' },
    'tls-key': { type: 'string' },
    challenge: { type: 'string' },
    'minimum-confidence': { type: 'string', default: '80' },
    simulator: { type: 'string', default: 'http://127.0.0.1:9900' },
    'device-role': { type: 'string' },
    region: { type: 'string', default: 'us-east-1' },
  },
});

const challenges = {
  light: 'CHALLENGE_TYPE_FACE_MOVEMENT_AND_LIGHT_CHALLENGE',
  movement: 'CHALLENGE_TYPE_FACE_MOVEMENT_CHALLENGE',
};
if (values.challenge && !challenges[values.challenge]) {
  throw new Error(`--challenge ${values.challenge}: must be one of ${Object.keys(challenges).join(', ')}`);
}
const minimumConfidence = Number(values['minimum-confidence']);
if (!(minimumConfidence > 0 && minimumConfidence <= 100)) {
  throw new Error(`--minimum-confidence ${values['minimum-confidence']}: must be above 0, and at most 100`);
}

export const options = {
  port: Number(values.port),
  origin: values.origin ?? `http://127.0.0.1:${values.port}`,
  livegate: values.livegate,
  tls: { ca: values['tls-ca'], cert: values['tls-cert'], key: values['tls-key'] },
  challenge: challenges[values.challenge],
  minimumConfidence,
  deviceRole: values['device-role'],
  region: values.region,
  // Without a role for the devices, they stream to a simulator.
  simulator: values['device-role'] ? undefined : values.simulator,
};
