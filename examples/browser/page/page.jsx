// The page: starts a check, shows Amplify's component, and then whether the user passed.
import { FaceLivenessDetectorCore } from '@aws-amplify/ui-react-liveness';
import '@aws-amplify/ui-react/styles.css';
import { useState } from 'react';
import { createRoot } from 'react-dom/client';

import './page.css';

async function post(path) {
  const response = await fetch(path, { method: 'POST' });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

// The component shows the error itself. It often has no name.
function report({ state, error }) {
  console.error(['check failed', state, error?.name, error?.message].filter(Boolean).join(': '));
}

function App() {
  const [check, setCheck] = useState();
  const [message, setMessage] = useState();

  // A check has one session: each attempt starts another one.
  const attempt = (step) => async () => {
    setMessage();
    await step().catch((error) => {
      setCheck();
      setMessage(`Error: ${error.message}`);
    });
  };
  const begin = attempt(async () => setCheck(await post('/checks')));
  const finish = attempt(async () => {
    const { passed } = await post('/checks/result');
    setCheck();
    setMessage(passed ? 'You passed the check.' : 'You did not pass the check.');
  });

  if (check) {
    return (
      <FaceLivenessDetectorCore
        sessionId={check.sessionId}
        region={check.region}
        config={{ credentialProvider: async () => check.credentials }}
        onAnalysisComplete={finish}
        onError={report}
        onUserCancel={() => setCheck()}
      />
    );
  }
  return (
    <>
      <h1>Face Liveness check</h1>
      {message && <p role="status">{message}</p>}
      <button className="amplify-button amplify-button--primary" onClick={begin}>
        Begin a check
      </button>
    </>
  );
}

createRoot(document.getElementById('root')).render(<App />);
