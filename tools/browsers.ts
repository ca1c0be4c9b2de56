/** Names under which systems have Chromium. */
export const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'] as const;
