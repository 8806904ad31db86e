require ["fileinto"];
if address :is "from" "news@example.org" {
  fileinto "Archive.2024";
}
