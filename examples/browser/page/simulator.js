// Streams to a simulator instead of AWS. The SDK always uses TLS, which the simulator has
// not, so the address alone cannot be configured.
const { address } = document.currentScript.dataset;

window.WebSocket = class extends WebSocket {
  constructor(url, protocols) {
    super(String(url).replace(/^wss:\/\/streaming-rekognition\.[a-z0-9-]+\.amazonaws\.com/, address), protocols);
  }
};
