// What a refusal means for the person in front of the page.
export function explain(problem) {
  switch (problem.code) {
    case 'invalid-credentials': return 'The name or the password is wrong.'
    case 'too-many-attempts':
    case 'rate-limited': return `Too many attempts. Try again in ${problem.retryAfter} s.`
    case 'unauthenticated':
    case 'invalid-refresh-token': return 'You have been logged out. Log in again.'
    case 'csrf-failed': return 'Somebody has logged in or out in another tab. Look again before you repeat this.'
    case 'wrong-password': return 'The current password is wrong.'
    case 'email-taken': return 'This e-mail address already has an account.'
    case 'username-taken': return 'This name is taken.'
    case 'validation-failed': return problem.errors.map((error) => `${error.pointer}: ${error.detail}`).join('\n')
    case 'unreachable': return 'The service cannot be reached. Check the connection and try again.'
  }
  if (problem.status === 503) return `The service is busy. Try again in ${problem.retryAfter} s.`
  return 'Something went wrong. Try again later.'
}
