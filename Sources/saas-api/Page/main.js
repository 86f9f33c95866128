// The page's frame: which screen is shown, and who is signed in.
import { config } from './api.js';
import { onClick, report } from './flow.js';
import { jobScreen } from './screen-job.js';
import { jobsScreen } from './screen-jobs.js';
import { newScreen } from './screen-new.js';
import { endSession, finishSignIn, session, signIn, signOut, takeAnswer } from './session.js';
import { current } from './upload.js';
import { $, arrive, clearMessages, openScreen, say, showError } from './view.js';

const routes = [
    [/^#\/jobs$/, jobsScreen],
    [/^#\/jobs\/([^/]+)$/, jobScreen],
    [/^#\/new(?:\/([^/]+))?$/, newScreen],
];
let leaving = new AbortController();

async function render() {
    leaving.abort(); // Whatever the screen before still waits for is not for this one.
    leaving = new AbortController();
    const { signal } = leaving;
    if ($('dialog').open) $('dialog').close('');
    clearMessages();
    const who = session();
    $('nav').hidden = !who;
    $('who').textContent = who?.name ? `Signed in as ${who.name}` : '';
    if (!who) return signInScreen();
    const [path, query] = location.hash.split('?');
    const [pattern, screen] = routes.find(([pattern]) => pattern.test(path)) ?? [];
    if (!screen) {
        history.replaceState(null, '', '#/jobs');
        return render();
    }
    $('nav-jobs').ariaCurrent = path === '#/jobs' ? 'page' : null;
    drawUpload();
    try {
        await screen(signal, path.match(pattern)[1], new URLSearchParams(query));
    } catch (fault) {
        if (!signal.aborted) report(fault);
    }
}

function signInScreen() {
    openScreen('sign-in');
    arrive('Sign in');
    onClick($('sign-in'), async () => signIn(await config(), location.hash));
}

/** The way back to an upload that runs while another screen is shown. */
function drawUpload() {
    const { upload } = current;
    const shown = Boolean(upload?.isOpen) && !location.hash.startsWith('#/new');
    $('nav-upload').hidden = !shown;
    if (shown) $('nav-upload').textContent = `Upload ${Math.floor(100 * upload.sent / upload.file.size)} %`;
}

window.addEventListener('hashchange', () => {
    if (location.hash.startsWith('#/') || !location.hash) render();
});
window.addEventListener('session-over', () => {
    endSession();
    render();
    showError('Your session is over. Sign in again.');
});
window.addEventListener('pageshow', (event) => {
    if (event.persisted) render(); // Going back after signing out must not show what was there.
});
window.addEventListener('beforeunload', (event) => {
    if (current.upload?.isRunning) event.preventDefault();
});
setInterval(drawUpload, 1000);

// The hash is the router's, so this link cannot use it.
$('skip').addEventListener('click', (event) => {
    event.preventDefault();
    $('main').focus();
});
onClick($('sign-out'), async () => {
    current.upload?.halt();
    current.upload = null;
    try {
        await signOut(await config());
    } finally {
        endSession();
        render();
    }
});

const answer = takeAnswer();
let refusal;
if (answer) {
    say('Signing in …');
    try { await finishSignIn(await config(), answer); } catch (fault) { refusal = fault; }
}
render();
if (refusal) showError(refusal.message);
