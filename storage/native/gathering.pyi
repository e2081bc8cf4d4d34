from storage.gathering import gathered as gathered
